import type { Observed } from '../../core/rollups/signals.ts';
import type { CheckedPart, Heartbeat, Inventory, VolumeStatus } from '../../core/status.ts';
import type { Watched } from './crossings.ts';
import { createFilesystemReader } from './filesystems.ts';
import { fitHeartbeat } from './fit-heartbeat.ts';
import { createHardwareReader, type HardwareDeps } from './hardware.ts';
import type { Host } from './host.ts';
import { readInventory, type InventoryVersions } from './inventory.ts';
import { createLossMeter } from './loss-meter.ts';
import { metricsOf, storedMetrics } from './metrics.ts';
import { parseMemory } from './proc.ts';
import { createSampler, type HostSample } from './sample.ts';
import { tellHardware } from './tell-hardware.ts';

/** What the product's own parts add to a report. */
export interface ProductParts {
  volumes: VolumeStatus[];
  /** `gateway.connection.rtt` (ms), `gateway.connection.reconnects`, `gateway.clock.offset` (ms) and the like. */
  metrics?: Record<string, number>;
  /** Undefined: not known yet; empty: nothing expires. */
  expiries?: Heartbeat['expiries'];
  /** Undefined: not known; empty: none in the last hour but this one. */
  starts?: Heartbeat['starts'];
  /** Heartbeats that the spool dropped. */
  droppedHeartbeats?: number;
  /** The longest time to the next one. */
  intervalMs?: number;
}

export interface StatusCollectorDeps extends Omit<HardwareDeps, 'host'> {
  host: Host;
  versions: InventoryVersions;
  /** One run of the agent: a new id at each start. */
  bootId: string;
  /** Unix ms. */
  agentStartedAt: number;
  /** How long a file system may take to answer. @default 2 s */
  filesystemWaitMs?: number;
}

export interface StatusCollector {
  /** Reads the host and numbers the result. Rates are since the heartbeat before. Never rejects for a missing number. */
  heartbeat(parts: ProductParts): Promise<Heartbeat>;
  /** What the history is made of. Rates are since the last time; those of heartbeats are not touched. */
  observe(parts: Pick<ProductParts, 'volumes' | 'metrics'>): Promise<Observed>;
  /** Reads what is watched between heartbeats: cheap, and leaves numbers and rates alone. */
  watch(volumes: readonly VolumeStatus[]): Promise<Watched>;
  inventory(): Promise<Inventory>;
  /** The last heartbeat before it was cut to size, with what it was made from; undefined before the first. */
  latest(): { heartbeat: Heartbeat; sample: HostSample; parts: ProductParts } | undefined;
}

export function createStatusCollector(deps: StatusCollectorDeps): StatusCollector {
  const { host, versions, bootId, agentStartedAt } = deps;
  const readFilesystems = createFilesystemReader(host, deps.filesystemWaitMs ?? 2_000);
  const readHardware = createHardwareReader(deps);
  const sample = createSampler(host, { filesystems: readFilesystems, hardware: readHardware });
  const lossOf = createLossMeter();
  // The event loop's delay is since the last call: that is the heartbeat's.
  const between = createSampler(
    { ...host, eventLoopDelayP99Ms: () => 0 },
    { filesystems: readFilesystems, hardware: readHardware },
  );
  const lossBetween = createLossMeter();
  let observed: HostSample | undefined;
  let latest: ReturnType<StatusCollector['latest']>;
  let inventoryHash: string | undefined;
  let seq = 0;

  return {
    heartbeat: async (parts) => {
      const now = await sample();
      const { disks, arrays, checked } = tellHardware(now, latest?.sample);
      const { starts, intervalMs, droppedHeartbeats } = parts;
      const expiries = parts.expiries && soonToExpire(parts.expiries, host.now());
      const heartbeat: Heartbeat = {
        bootId,
        seq: ++seq,
        sentAt: host.now(),
        agentVersion: versions.agentVersion,
        agentStartedAt,
        // The product's first: they are the ones that nobody else can measure.
        metrics: {
          ...productMetrics(parts.metrics, lossOf(now.tcp, now.at)),
          ...metricsOf(now, latest?.sample),
        },
        filesystems: now.filesystems.filesystems,
        volumes: parts.volumes,
        checked: [
          ...checked,
          ...(expiries ? (['expiries'] satisfies CheckedPart[]) : []),
          ...(starts ? (['starts'] satisfies CheckedPart[]) : []),
        ],
        ...(disks.length > 0 && { disks }),
        ...(arrays.length > 0 && { arrays }),
        ...(hasEntry(expiries) && { expiries }),
        ...(hasEntry(starts) && { starts }),
        ...(inventoryHash !== undefined && { inventoryHash }),
        ...(intervalMs !== undefined && { intervalMs }),
        ...(droppedHeartbeats !== undefined && { droppedHeartbeats }),
      };
      latest = { heartbeat, sample: now, parts };
      return fitHeartbeat(heartbeat);
    },
    observe: async ({ volumes, metrics }) => {
      const now = await between();
      const before = observed;
      observed = now;
      return {
        metrics: { ...productMetrics(metrics, lossBetween(now.tcp, now.at)), ...metricsOf(now, before) },
        filesystems: now.filesystems.filesystems,
        volumes: [...volumes],
      };
    },
    watch: async (volumes) => {
      const [memory, mounted, { disks, arrays }] = await Promise.all([
        host.readText('/proc/meminfo').then(parseMemory, () => undefined),
        readFilesystems().catch(() => undefined),
        readHardware(),
      ]);
      const memoryUtilization = memory && 1 - memory.availableBytes / memory.totalBytes;
      const filesystems = mounted?.filesystems ?? [];
      return { memoryUtilization, filesystems, volumes, disks: disks ?? [], arrays };
    },
    inventory: async () => {
      const inventory = await readInventory(host, versions);
      inventoryHash = inventory.hash;
      return inventory;
    },
    latest: () => latest,
  };
}

/** A lost segment is sent again before a ping misses its answer, so either of them shows a loss. */
function productMetrics(
  given: Record<string, number> = {},
  resent: number | undefined,
): Record<string, number> {
  const { 'gateway.connection.loss': unanswered, ...others } = given;
  const losses = [unanswered, resent].filter((loss) => loss !== undefined);
  const all = losses.length === 0 ? others : { ...others, 'gateway.connection.loss': Math.max(...losses) };
  return storedMetrics(Object.entries(all));
}

const monthMs = 31 * 24 * 3_600_000;

function soonToExpire(expiries: NonNullable<Heartbeat['expiries']>, now: number): typeof expiries {
  const { certificateAt, credentialsAt } = expiries;
  const isSoon = certificateAt !== undefined && certificateAt - now < monthMs;
  return { ...(isSoon && { certificateAt }), ...(credentialsAt !== undefined && { credentialsAt }) };
}

const hasEntry = (part: object | undefined): boolean => Object.keys(part ?? {}).length > 0;
