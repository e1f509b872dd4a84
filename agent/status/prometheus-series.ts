import type { DiskStatus } from '../../core/status.ts';
import type { StatusCollector } from './collector.ts';
import { metricAbout, type MetricAbout } from './metrics.ts';
import { productMetricAbout } from './product-metrics.ts';
import type { Series } from './prometheus.ts';

type Latest = NonNullable<ReturnType<StatusCollector['latest']>>;

/** What Prometheus wants in its base units, by the name's last word. */
const exposedUnits = {
  ms: { suffix: '.seconds', scale: 0.001, type: 'gauge' },
  bytes: { suffix: '.bytes', scale: 1, type: 'gauge' },
  'bytes/s': { suffix: '.bytes_per_second', scale: 1, type: 'gauge' },
  counter: { suffix: '.total', scale: 1, type: 'counter' },
  none: { suffix: '', scale: 1, type: 'gauge' },
} as const;

/** Everything of the last heartbeat before it was cut, and each disk, interface, file system, array and volume. */
export function seriesOf(latest: Latest | undefined): Series[] {
  if (!latest) return [];
  const all = [...metricSeries(latest), ...hostSeries(latest), ...diskSeries(latest), ...ownSeries(latest)];
  return all.filter(({ samples }) => samples.length > 0);
}

function metricSeries({ heartbeat }: Latest): Series[] {
  return Object.entries(heartbeat.metrics).flatMap(([name, value]) => {
    const about: MetricAbout | undefined = productMetricAbout.get(name) ?? metricAbout.get(name);
    // By interface, below.
    if (!about || name === 'system.network.errors') return [];
    const { suffix, scale, type } = exposedUnits[about.unit ?? 'none'];
    return [{ name: name + suffix, help: about.help, type, samples: [{ value: value * scale }] }];
  });
}

type Maker = <T>(
  name: string,
  help: string,
  of: readonly T[],
  label: (one: T) => Record<string, string>,
  value: (one: T) => number | undefined,
) => Series;

const gauge: Maker = (name, help, of, label, value) => ({
  name,
  help,
  type: 'gauge',
  samples: of.flatMap((one) => {
    const found = value(one);
    return found === undefined ? [] : [{ labels: label(one), value: found }];
  }),
});
const counter: Maker = (...args) => ({ ...gauge(...args), type: 'counter' });
const device = ({ name }: { name: string }) => ({ device: name });
const unlabeled = () => ({});

function hostSeries({ heartbeat, sample }: Latest): Series[] {
  const { disks, network, hardware } = sample;
  const { filesystems } = heartbeat;
  const tcp = sample.tcp ? [sample.tcp] : [];
  const mount = (fs: { mount: string }) => ({ mountpoint: fs.mount });
  const array = ({ name }: { name: string }) => ({ array: name });
  return [
    gauge(
      'system.filesystem.size_bytes',
      'Size without what is reserved for root',
      filesystems,
      mount,
      (fs) => fs.sizeBytes,
    ),
    gauge(
      'system.filesystem.free_bytes',
      'What users can still write',
      filesystems,
      mount,
      (fs) => fs.freeBytes,
    ),
    gauge(
      'system.filesystem.forced_read_only',
      '1 where the kernel lets nobody write any more',
      filesystems,
      mount,
      (fs) => Number(fs.readOnly ?? false),
    ),
    gauge(
      'system.filesystem.device_errors',
      'Errors that the kernel counted on it',
      filesystems,
      mount,
      (fs) => fs.deviceErrors ?? 0,
    ),
    counter('system.disk.reads_total', 'Reads that were done', disks, device, (d) => d.reads),
    counter('system.disk.writes_total', 'Writes that were done', disks, device, (d) => d.writes),
    counter(
      'system.disk.busy_seconds_total',
      'Time with at least one request on its way',
      disks,
      device,
      (d) => d.busyMs / 1000,
    ),
    counter(
      'system.disk.request_seconds_total',
      'Time of all requests together',
      disks,
      device,
      (d) => (d.readMs + d.writeMs) / 1000,
    ),
    counter('system.network.received_bytes_total', 'Bytes received', network, device, (n) => n.receivedBytes),
    counter('system.network.sent_bytes_total', 'Bytes sent', network, device, (n) => n.sentBytes),
    counter('system.network.errors_total', 'Errors, both directions', network, device, (n) => n.errors),
    counter(
      'system.network.dropped_total',
      'Packets dropped, both directions',
      network,
      device,
      (n) => n.dropped,
    ),
    counter(
      'system.network.tcp_sent_segments_total',
      'TCP segments sent, without those sent again',
      tcp,
      unlabeled,
      (t) => t.sent,
    ),
    counter(
      'system.network.tcp_resent_segments_total',
      'TCP segments sent again',
      tcp,
      unlabeled,
      (t) => t.sentAgain,
    ),
    gauge(
      'gateway.array.unwell',
      '1 where a software RAID or pool lacks a member or does not work',
      hardware.arrays,
      array,
      (a) => Number(a.state !== 'ok'),
    ),
    gauge('gateway.array.missing_members', 'Members that it lacks', hardware.arrays, array, (a) => a.missing),
  ];
}

const smartHelp: Record<keyof NonNullable<DiskStatus['smart']>, string> = {
  isFailing: '1 where the disk itself says that it is about to fail',
  reallocatedSectors: 'Sectors that were replaced by spare ones (SMART 5)',
  uncorrectableErrors: 'Reads that no correction could save (SMART 187, media errors of NVMe)',
  commandTimeouts: 'Commands that the disk gave up (SMART 188)',
  pendingSectors: 'Sectors that wait to be written because they cannot be read (SMART 197)',
  offlineUncorrectable: 'Sectors that its own scans could not read (SMART 198)',
};

function diskSeries({ sample }: Latest): Series[] {
  const disks = sample.hardware.disks ?? [];
  const smart = (Object.keys(smartHelp) as (keyof typeof smartHelp)[]).map((key) => {
    const name = key.replace(/^is/, '').replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    return gauge(`gateway.disk.smart_${name.replace(/^_/, '')}`, smartHelp[key], disks, device, (d) => {
      const told = d.smart?.smart?.[key];
      return told === undefined ? undefined : Number(told);
    });
  });
  return [
    gauge('gateway.disk.failed', '1 where a disk answers no more, or is gone', disks, device, (d) =>
      Number(d.state !== 'ok'),
    ),
    gauge('gateway.disk.temperature_celsius', 'Temperature', disks, device, (d) => d.temperatureC),
    gauge('gateway.disk.wear', 'Used part of what a flash disk endures', disks, device, (d) => d.smart?.wear),
    ...smart,
  ];
}

function ownSeries({ heartbeat, parts }: Latest): Series[] {
  const { volumes, sentAt, droppedHeartbeats } = heartbeat;
  const volume = (v: { volumeId: string }) => ({ volume: v.volumeId });
  const one = (name: string, help: string, value: number | undefined): Series =>
    gauge(name, help, [value], unlabeled, (known) => known);
  const { certificateAt } = parts.expiries ?? {};
  return [
    gauge('gateway.volume.healthy', '1 where the volume is healthy', volumes, volume, (v) =>
      Number(v.state === 'healthy'),
    ),
    gauge('gateway.volume.size_bytes', 'Size', volumes, volume, (v) => v.sizeBytes),
    gauge('gateway.restore.progress', 'Restored part, 0 to 1', volumes, volume, (v) => v.restore?.fraction),
    one('gateway.status.timestamp_seconds', 'When all of this was read, Unix time', sentAt / 1000),
    one(
      'gateway.certificate.end_timestamp_seconds',
      'When the first certificate of the control plane’s chain ends, Unix time',
      certificateAt && certificateAt / 1000,
    ),
    one(
      'gateway.agent.starts_last_hour',
      'Starts of the agent in the last hour, this one too',
      parts.starts && (parts.starts.agent ?? 1),
    ),
    {
      ...one(
        'gateway.status.dropped_total',
        'Heartbeats that the full spool dropped since the agent started',
        droppedHeartbeats,
      ),
      type: 'counter',
    },
  ];
}
