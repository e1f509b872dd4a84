import type { Heartbeat, VolumeStatus } from '../status.ts';

/** What is asked for each minute: the parts of a heartbeat that signals are read from. */
export type Observed = Pick<Heartbeat, 'metrics' | 'filesystems' | 'volumes'>;

export interface HistorySignal {
  /** OpenTelemetry's name where it has one, else `gateway.*`. */
  name: string;
  /** In the items of the table, which are paid for by their bytes. Never another signal's, also of one that is gone. */
  key: string;
  unit: 'share' | 'ms' | 'bytes/s';
  /** Undefined: not known, or there is no such thing. */
  of: (observed: Observed) => number | undefined;
}

const metric = (name: string, key: string, unit: HistorySignal['unit'] = 'share'): HistorySignal => ({
  name,
  key,
  unit,
  of: ({ metrics }) => metrics[name],
});

/** What is kept of a gateway for plots. One more costs each gateway a few bytes of each item: see `rollupBytesMax`. */
export const historySignals: readonly HistorySignal[] = [
  metric('system.cpu.utilization', 'cu'),
  metric('system.memory.utilization', 'mu'),
  { name: 'system.filesystem.utilization', key: 'fu', unit: 'share', of: fullestFilesystem },
  metric('gateway.cpu.iowait', 'ci'),
  metric('gateway.disk.utilization.max', 'du'),
  metric('gateway.disk.latency.max', 'dl', 'ms'),
  metric('gateway.connection.rtt', 'cr', 'ms'),
  metric('gateway.connection.loss', 'cl'),
  metric('gateway.network.receive_rate', 'nr', 'bytes/s'),
  metric('gateway.network.transmit_rate', 'nt', 'bytes/s'),
  metric('gateway.upload_buffer.utilization', 'bu'),
  metric('gateway.cache.dirty.utilization', 'dc'),
  metric('gateway.cache.hit_ratio', 'hr'),
  { name: 'gateway.restore.progress', key: 'rp', unit: 'share', of: leastRestored },
];
export const historySignalNames: readonly string[] = historySignals.map(({ name }) => name);

/** The values of all signals that there are. */
export function valuesOf(observed: Observed): Record<string, number> {
  const values: Record<string, number> = {};
  for (const { name, of } of historySignals) {
    const value = of(observed);
    // All of them are sizes of something: a negative one is a mistake of whoever measured it.
    if (value !== undefined && Number.isFinite(value) && value >= 0) values[name] = value;
  }
  return values;
}

function fullestFilesystem({ filesystems }: Observed): number | undefined {
  const used = filesystems
    .filter(({ sizeBytes }) => sizeBytes > 0)
    .map(({ sizeBytes, freeBytes }) => 1 - freeBytes / sizeBytes);
  return used.length === 0 ? undefined : Math.max(...used);
}

/** Of the restores that are not done, the one that is furthest behind. */
function leastRestored({ volumes }: Observed): number | undefined {
  const fractions = volumes.flatMap(({ restore }: VolumeStatus) => (restore ? [restore.fraction] : []));
  return fractions.length === 0 ? undefined : Math.min(...fractions);
}
