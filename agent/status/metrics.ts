import { judgedMetrics } from '../../core/status.ts';
import { isStorable } from '../../core/storable.ts';
import type { HostSample } from './sample.ts';

/** For Prometheus, which wants base units and says so in names. */
export interface MetricAbout {
  help: string;
  /** Absent: a share, or a number of things. */
  unit?: 'ms' | 'bytes' | 'bytes/s' | 'counter';
}

/**
 * The heartbeat's metrics: where it becomes too large, the last ones that no condition is judged by are left out.
 * OpenTelemetry's names where it has one with this unit (its times are seconds, ours ms), else `gateway.*`.
 */
const metrics: readonly (MetricAbout & {
  name: string;
  of: (now: HostSample, before: HostSample | undefined) => number | undefined;
})[] = [
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
    help: 'Time since the host started',
    unit: 'ms',
    of: ({ uptimeMs }) => uptimeMs,
  },
  {
    name: 'gateway.host.oom_kills',
    help: 'Processes that the kernel killed for want of memory since boot',
    unit: 'counter',
    of: ({ oomKills }) => oomKills,
  },
  {
    name: 'hw.memory.errors.uncorrected',
    help: 'Memory errors that ECC could not put right since boot',
    unit: 'counter',
    of: ({ hardware }) => hardware.memoryErrors?.uncorrected,
  },
  {
    name: 'gateway.network.error_rate',
    help: 'Errors of all real network interfaces a second since the last heartbeat',
    of: (now, before) => rate(now, before, ({ errors }) => errors),
  },
  {
    name: 'gateway.disk.utilization.max',
    help: 'Busy time of the busiest disk since the last heartbeat, 0 to 1',
    of: (now, before) => worst(diskLoads(now, before), ({ utilization }) => utilization),
  },
  {
    name: 'gateway.disk.latency.max',
    help: 'Mean time of a request on the slowest disk since the last heartbeat',
    unit: 'ms',
    of: (now, before) => worst(diskLoads(now, before), ({ latencyMs }) => latencyMs),
  },
  {
    name: 'gateway.agent.memory',
    help: 'Resident memory of the agent',
    unit: 'bytes',
    of: ({ process }) => process.residentBytes,
  },
  {
    name: 'gateway.agent.loop_delay.p99',
    help: '99th percentile of the delay of the agent’s event loop since the last heartbeat',
    unit: 'ms',
    of: ({ process }) => process.eventLoopDelayP99Ms,
  },
  {
    name: 'system.network.errors',
    help: 'Errors of all real network interfaces since boot',
    of: ({ network }) => sum(network.map(({ errors }) => errors)),
  },
  {
    name: 'hw.memory.errors.corrected',
    help: 'Memory errors that ECC put right since boot',
    unit: 'counter',
    of: ({ hardware }) => hardware.memoryErrors?.corrected,
  },
  {
    name: 'gateway.network.receive_rate',
    help: 'Bytes a second that all real interfaces received since the last heartbeat',
    unit: 'bytes/s',
    of: (now, before) => rate(now, before, ({ receivedBytes }) => receivedBytes),
  },
  {
    name: 'gateway.network.transmit_rate',
    help: 'Bytes a second that all real interfaces sent since the last heartbeat',
    unit: 'bytes/s',
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

export const metricAbout: ReadonlyMap<string, MetricAbout> = new Map(
  metrics.map((metric) => [metric.name, metric]),
);

const judged: ReadonlySet<string> = new Set(judgedMetrics);
export const isJudged = (name: string): boolean => judged.has(name);

/** Metrics by name, in order of importance. Rates need the sample before; without it they are absent. */
export function metricsOf(now: HostSample, before: HostSample | undefined): Record<string, number> {
  return storedMetrics(metrics.map(({ name, of }) => [name, of(now, before)] as const));
}

/** Without what is not known, or cannot be stored: one such number would take the whole heartbeat with it. */
export function storedMetrics(
  values: readonly (readonly [name: string, value: number | undefined])[],
): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [name, value] of values) {
    const short = value === undefined ? NaN : shortened(value);
    if (isStorable(short)) found[name] = short;
  }
  return found;
}

/** Nothing that is measured is so small; an average that fades away is, and cannot be stored in the end. */
const leastValue = 1e-9;

/** Three significant digits below 1000, whole numbers above: a number costs a byte for two digits where it is stored. */
export function shortened(value: number): number {
  if (Math.abs(value) < leastValue) return 0;
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

/** What a disk did since the sample before. */
export interface DiskLoad {
  name: string;
  /** Share of the time in which it had a request to do. */
  utilization: number;
  /** Mean time of a request, ms; 0 where there was none. */
  latencyMs: number;
}

/** Of the disks that were there before; none without a sample before. */
export function diskLoads(now: HostSample, before: HostSample | undefined): DiskLoad[] {
  const elapsedMs = now.at - (before?.at ?? now.at);
  if (!before || elapsedMs <= 0) return [];
  return now.disks.flatMap((disk) => {
    const old = before.disks.find(({ name }) => name === disk.name);
    if (!old || disk.reads < old.reads) return []; // it was taken out and put in again
    const requests = disk.reads - old.reads + (disk.writes - old.writes);
    const requestMs = disk.readMs - old.readMs + (disk.writeMs - old.writeMs);
    return [
      {
        name: disk.name,
        utilization: Math.min(1, Math.max(0, disk.busyMs - old.busyMs) / elapsedMs),
        latencyMs: Math.max(0, requestMs) / Math.max(1, requests),
      },
    ];
  });
}

const worst = (loads: readonly DiskLoad[], valueOf: (load: DiskLoad) => number): number | undefined =>
  loads.length === 0 ? undefined : Math.max(...loads.map(valueOf));

function rate(
  now: HostSample,
  before: HostSample | undefined,
  countOf: (counters: HostSample['network'][number]) => number,
): number | undefined {
  const elapsedMs = now.at - (before?.at ?? now.at);
  if (!before || elapsedMs <= 0) return undefined;
  const counts = now.network.map((counters) => {
    const old = before.network.find(({ name }) => name === counters.name);
    return old ? Math.max(0, countOf(counters) - countOf(old)) : 0;
  });
  return (sum(counts) * 1000) / elapsedMs;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
