import type { Log } from '../../core/log.ts';
import type { Heartbeat, Inventory, VolumeStatus } from '../../core/status.ts';
import type { VolumeService } from '../ports.ts';
import type { StateDirectory } from '../state/state-directory.ts';
import { createStatusCollector } from '../status/collector.ts';
import type { Watched } from '../status/crossings.ts';
import { linuxHost } from '../status/host.ts';
import { startsToTell, type HostStarts } from '../status/host-starts.ts';
import { keepDiskRoll, loadDiskRoll } from '../status/kept-facts.ts';
import { createMetricsFolder } from '../status/metrics-folder.ts';
import { servePrometheus, type PrometheusEndpoint } from '../status/prometheus.ts';
import { createSmartReader, smartctl } from '../status/smart-reader.ts';
import type { Spool } from '../status/spool.ts';
import { volumeStatusOf } from '../status/volume-status.ts';
import { valuesOf } from '../../core/rollups/signals.ts';
import { keepPast, loadPast, pastFileName } from '../rollups/past-file.ts';
import { RollupKeeper } from '../rollups/rollup-keeper.ts';
import { agentVersion } from '../version.ts';
import type { CredentialBroker } from './credential-broker.ts';
import type { Link } from './link.ts';

export interface StatusSource {
  heartbeat(): Promise<Heartbeat>;
  inventory(): Promise<Inventory>;
  /** What is watched between heartbeats. */
  watch(): Promise<Watched>;
  serveMetrics(port: number): Promise<PrometheusEndpoint>;
  /** What is kept for plots. */
  readonly rollups: RollupKeeper;
}

/** Status of this host and of the agent's own parts. */
export async function makeStatusSource(parts: {
  bootId: string;
  startedAt: number;
  starts: HostStarts;
  state: StateDirectory;
  volumes: VolumeService;
  spool: Spool;
  link: Link;
  broker: Pick<CredentialBroker, 'endsAt'>;
  /** Where the gateway's own data path writes its metrics. */
  metricsDir: string | undefined;
  /** The longest time between two heartbeats. */
  intervalMs: () => number;
  /** Monotonic, ms. */
  now: () => number;
  setTimer: (run: () => void, delayMs: number) => () => void;
  log: Log;
}): Promise<StatusSource> {
  const { bootId, startedAt, starts, state, volumes, spool, link, broker, metricsDir, log } = parts;
  const host = linuxHost();
  const readFolder =
    metricsDir === undefined ? undefined : createMetricsFolder({ path: metricsDir, now: host.now, log });
  const collector = createStatusCollector({
    host,
    smart: createSmartReader({ ask: smartctl({ log }), now: () => performance.now() }),
    roll: await loadDiskRoll(state, log),
    keepRoll: keepDiskRoll(state, log),
    versions: { agentVersion, nodeVersion: process.version, arch: process.arch },
    bootId,
    agentStartedAt: startedAt,
  });
  const productParts = async () => ({
    volumes: volumeStatuses(volumes),
    metrics: { ...(await readFolder?.()), ...connectionMetrics(link) },
  });
  const rollups = new RollupKeeper({
    past: await loadPast(state.file(pastFileName), log),
    keep: keepPast(state.file(pastFileName)),
    observe: async () => valuesOf(await collector.observe(await productParts())),
    isPingAnswered: () => link.isPingAnswered,
    unixMs: host.now,
    now: parts.now,
    setTimer: parts.setTimer,
    log,
  }).start();
  return {
    rollups,
    heartbeat: async () =>
      collector.heartbeat({
        ...(await productParts()),
        expiries: expiriesOf(link, broker),
        starts: startsToTell(starts, host.now()),
        droppedHeartbeats: spool.dropped,
        intervalMs: parts.intervalMs(),
      }),
    inventory: () => collector.inventory(),
    watch: () => collector.watch(volumeStatuses(volumes)),
    serveMetrics: (port) => servePrometheus({ port, collector }),
  };
}

const volumeStatuses = (volumes: VolumeService): VolumeStatus[] =>
  volumes.list().map((info) => volumeStatusOf(info));

/** How good the connection is; planned rollovers are no losses. */
function connectionMetrics(link: Link): Record<string, number> {
  const { rttMs, pingLoss, losses, clockOffsetMs } = link.view();
  return {
    ...(pingLoss === undefined ? {} : { 'gateway.connection.loss': pingLoss }),
    ...(rttMs === undefined ? {} : { 'gateway.connection.rtt': rttMs }),
    'gateway.connection.reconnects': losses,
    'gateway.clock.offset': clockOffsetMs,
  };
}

/** Before the first connection nobody has shown a certificate. */
function expiriesOf(link: Link, broker: Pick<CredentialBroker, 'endsAt'>): Heartbeat['expiries'] {
  const { connects, certificateAt } = link.view();
  if (connects === 0) return undefined;
  const credentialsAt = broker.endsAt;
  return {
    ...(certificateAt !== undefined && { certificateAt }),
    ...(credentialsAt !== undefined && { credentialsAt: Math.round(credentialsAt) }),
  };
}
