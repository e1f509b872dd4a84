import type { Heartbeat, Inventory, VolumeStatus } from '../../core/status.ts';
import type { Watched } from './crossings.ts';
import { createFilesystemReader } from './filesystems.ts';
import { fitHeartbeat } from './fit-heartbeat.ts';
import type { Host } from './host.ts';
import { readInventory, type InventoryVersions } from './inventory.ts';
import { metricsOf, shortened } from './metrics.ts';
import { parseMemory } from './proc.ts';
import { createSampler, type HostSample } from './sample.ts';

/** What the product's own parts add to a report. */
export interface ProductParts {
  volumes: VolumeStatus[];
  /** `gateway.connection.rtt` (ms), `gateway.connection.reconnects`, `gateway.clock.offset` (ms) and the like. */
  metrics?: Record<string, number>;
  /** Heartbeats that the spool dropped. */
  droppedHeartbeats?: number;
  /** The longest time to the next one. */
  intervalMs?: number;
}

export interface StatusCollectorDeps {
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
  /** Reads what is watched between heartbeats: cheap, and leaves numbers and rates alone. */
  watch(volumes: readonly VolumeStatus[]): Promise<Watched>;
  inventory(): Promise<Inventory>;
  /** The last heartbeat before it was cut to size, with what it was made from; undefined before the first. */
  latest(): { heartbeat: Heartbeat; sample: HostSample } | undefined;
}

export function createStatusCollector(deps: StatusCollectorDeps): StatusCollector {
  const { host, versions, bootId, agentStartedAt } = deps;
  const readFilesystems = createFilesystemReader(host, deps.filesystemWaitMs ?? 2_000);
  const sample = createSampler(host, readFilesystems);
  let latest: { heartbeat: Heartbeat; sample: HostSample } | undefined;
  let inventoryHash: string | undefined;
  let seq = 0;

  return {
    heartbeat: async (parts) => {
      const now = await sample();
      const product = Object.entries(parts.metrics ?? {})
        .filter(([, value]) => Number.isFinite(value))
        .map(([name, value]) => [name, shortened(value)] as const);
      const heartbeat: Heartbeat = {
        bootId,
        seq: ++seq,
        sentAt: host.now(),
        agentVersion: versions.agentVersion,
        agentStartedAt,
        // The product's first: they are the ones that nobody else can measure.
        metrics: { ...Object.fromEntries(product), ...metricsOf(now, latest?.sample) },
        filesystems: now.filesystems,
        volumes: parts.volumes,
        ...(inventoryHash !== undefined && { inventoryHash }),
        ...(parts.intervalMs !== undefined && { intervalMs: parts.intervalMs }),
        ...(parts.droppedHeartbeats !== undefined && { droppedHeartbeats: parts.droppedHeartbeats }),
      };
      latest = { heartbeat, sample: now };
      return fitHeartbeat(heartbeat);
    },
    watch: async (volumes) => {
      const [memory, filesystems] = await Promise.all([
        host.readText('/proc/meminfo').then(parseMemory, () => undefined),
        readFilesystems().catch(() => []),
      ]);
      const memoryUtilization = memory && 1 - memory.availableBytes / memory.totalBytes;
      return { memoryUtilization, filesystems, volumes };
    },
    inventory: async () => {
      const inventory = await readInventory(host, versions);
      inventoryHash = inventory.hash;
      return inventory;
    },
    latest: () => latest,
  };
}
