import type { HostSample } from './sample.ts';

/**
 * The heartbeat's metrics, most important first: where a heartbeat becomes too large, the last ones are left out.
 * OpenTelemetry's names where it has one with this unit (its times are seconds, ours ms), else `gateway.*`.
 */
const metrics: readonly {
  name: string;
  /** For Prometheus. */
  help: string;
  of: (now: HostSample, before: HostSample | undefined) => number | undefined;
}[] = [
  {
    name: 'system.memory.utilization',
    help: 'Memory that cannot be given to a new process without swapping, 0 to 1',
    of: ({ memory }) => memory && 1 - memory.availableBytes / memory.totalBytes,
  },
  {
    name: 'system.cpu.utilization',
    help: 'Time that all processors were not idle since the last heartbeat, 0 to 1',
    of: (now, before) => share(now, before, (cpu) => cpu.total - cpu.idle - cpu.ioWait),
  },
  {
    name: 'gateway.cpu.iowait',
    help: 'Time that processors were idle while a disk was waited for, 0 to 1',
    of: (now, before) => share(now, before, (cpu) => cpu.ioWait),
  },
  {
    name: 'gateway.host.uptime',
    help: 'Time since the host started, ms',
    of: ({ uptimeMs }) => uptimeMs,
  },
  {
    name: 'gateway.host.oom_kills',
    help: 'Processes that the kernel killed for want of memory since boot',
    of: ({ oomKills }) => oomKills,
  },
  {
    name: 'gateway.disk.utilization.max',
    help: 'Busy time of the busiest disk since the last heartbeat, 0 to 1',
    of: (now, before) => worstDisk(now, before, (d, elapsedMs) => Math.min(1, d.busyMs / elapsedMs)),
  },
  {
    name: 'gateway.disk.latency.max',
    help: 'Mean time of a request on the slowest disk since the last heartbeat, ms',
    of: (now, before) =>
      worstDisk(now, before, (d) => (d.readMs + d.writeMs) / Math.max(1, d.reads + d.writes)),
  },
  {
    name: 'gateway.agent.memory',
    help: 'Resident memory of the agent, bytes',
    of: ({ process }) => process.residentBytes,
  },
  {
    name: 'gateway.agent.loop_delay.p99',
    help: '99th percentile of the delay of the agent’s event loop since the last heartbeat, ms',
    of: ({ process }) => process.eventLoopDelayP99Ms,
  },
  {
    name: 'system.network.errors',
    help: 'Errors of all real network interfaces since boot',
    of: ({ network }) => sum(network.map(({ errors }) => errors)),
  },
  {
    name: 'gateway.network.receive_rate',
    help: 'Bytes a second that all real interfaces received since the last heartbeat',
    of: (now, before) => rate(now, before, ({ receivedBytes }) => receivedBytes),
  },
  {
    name: 'gateway.network.transmit_rate',
    help: 'Bytes a second that all real interfaces sent since the last heartbeat',
    of: (now, before) => rate(now, before, ({ sentBytes }) => sentBytes),
  },
  {
    name: 'system.cpu.load_average.1m',
    help: 'Tasks that ran or waited to run, averaged over a minute',
    of: ({ load1 }) => load1,
  },
  {
    name: 'gateway.pressure.io',
    help: 'Share of a minute in which some task waited for a disk',
    of: (s) => s.pressure.io,
  },
  {
    name: 'gateway.pressure.memory',
    help: 'Share of a minute in which some task waited for memory',
    of: (s) => s.pressure.memory,
  },
  {
    name: 'gateway.pressure.cpu',
    help: 'Share of a minute in which some task waited for a processor',
    of: (s) => s.pressure.cpu,
  },
];

export const metricHelp: ReadonlyMap<string, string> = new Map(metrics.map(({ name, help }) => [name, help]));

/** Metrics by name, in order of importance. Rates need the sample before; without it they are absent. */
export function metricsOf(now: HostSample, before: HostSample | undefined): Record<string, number> {
  const found: Record<string, number> = {};
  for (const { name, of } of metrics) {
    const value = of(now, before);
    if (value !== undefined && Number.isFinite(value)) found[name] = shortened(value);
  }
  return found;
}

/** Three significant digits below 1000, whole numbers above: a number costs a byte for two digits where it is stored. */
export function shortened(value: number): number {
  return Math.abs(value) < 1000 ? Number(value.toPrecision(3)) : Math.round(value);
}

function share(
  now: HostSample,
  before: HostSample | undefined,
  ticksOf: (cpu: NonNullable<HostSample['cpu']>) => number,
): number | undefined {
  if (!now.cpu || !before?.cpu) return undefined;
  const elapsed = now.cpu.total - before.cpu.total;
  if (elapsed <= 0) return undefined;
  return Math.min(1, Math.max(0, (ticksOf(now.cpu) - ticksOf(before.cpu)) / elapsed));
}

/** The largest value over the disks that were there before, of what they did in between. */
function worstDisk(
  now: HostSample,
  before: HostSample | undefined,
  valueOf: (done: Omit<HostSample['disks'][number], 'name'>, elapsedMs: number) => number,
): number | undefined {
  const elapsedMs = now.at - (before?.at ?? now.at);
  if (!before || elapsedMs <= 0) return undefined;
  const values = now.disks.flatMap((disk) => {
    const old = before.disks.find(({ name }) => name === disk.name);
    if (!old || disk.reads < old.reads) return []; // it was taken out and put in again
    const done = {
      reads: disk.reads - old.reads,
      writes: disk.writes - old.writes,
      readMs: disk.readMs - old.readMs,
      writeMs: disk.writeMs - old.writeMs,
      busyMs: disk.busyMs - old.busyMs,
    };
    return [valueOf(done, elapsedMs)];
  });
  return values.length === 0 ? undefined : Math.max(...values);
}

function rate(
  now: HostSample,
  before: HostSample | undefined,
  bytesOf: (counters: HostSample['network'][number]) => number,
): number | undefined {
  const elapsedMs = now.at - (before?.at ?? now.at);
  if (!before || elapsedMs <= 0) return undefined;
  const bytes = now.network.map((counters) => {
    const old = before.network.find(({ name }) => name === counters.name);
    return old ? Math.max(0, bytesOf(counters) - bytesOf(old)) : 0;
  });
  return (sum(bytes) * 1000) / elapsedMs;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
