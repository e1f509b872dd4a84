import type { ArrayStatus, DiskStatus, FilesystemStatus, Heartbeat } from '../status.ts';
import {
  bufferLevel,
  filesystemLevel,
  isCounted,
  pairs,
  peakTolerance,
  spacingMinutes,
  watchedFrom,
  type CounterName,
} from './history.ts';
import { farMs, fullInMs, fullSincePeakMs } from './prediction.ts';
import { ofGateway, readingsOf, type FreshInput, type Reading } from './signals.ts';

/** Readings of the disks that are named, where `valueOf` knows a value. */
export const ofDisks =
  (valueOf: (disk: DiskStatus) => number | undefined) =>
  ({ status }: FreshInput): readonly Reading[] =>
    readingsOf(status.heartbeat.disks ?? [], ({ name }) => name, valueOf);

export const diskNames = ({ disks = [] }: Heartbeat): string[] => disks.map(({ name }) => name);
export const arrayNames = ({ arrays = [] }: Heartbeat): string[] => arrays.map(({ name }) => name);

/**
 * The five counts that tell most of coming failures (Backblaze, “What SMART Stats Tell Us About Hard Drives”, 2016), each
 * by how many are one too many. Single reallocated sectors are common and harmless, and time-outs come from cables too.
 */
const smartLimits = {
  reallocatedSectors: 10,
  uncorrectableErrors: 1,
  commandTimeouts: 100,
  pendingSectors: 1,
  offlineUncorrectable: 1,
} as const;

/** The worst count, in its limits; 1 at least for a disk that says itself that it fails. */
export function smartScore({ smart }: DiskStatus): number | undefined {
  if (!smart) return undefined;
  const scores = Object.entries(smartLimits).flatMap(([name, limit]) => {
    const count = smart[name as keyof typeof smartLimits];
    return count === undefined ? [] : [count / limit];
  });
  if (smart.isFailing !== undefined) scores.push(smart.isFailing ? 1 : 0);
  return scores.length === 0 ? undefined : Math.max(...scores);
}

/** Of a disk that does not say, °C; no turning disk is made for more, whatever it says. */
const usualLimitC = 70;

/**
 * How far a disk is below what it may have, °C; below 0 it is hotter. NVMe says at which temperature it begins to suffer
 * (mostly between 70 and 85 °C), and that holds. A SATA or SAS disk's limit is one of damage (many turning disks say 85 °C):
 * it counts where it is lower than the usual one.
 */
export function headroomC({ name, temperatureC, temperatureLimitC }: DiskStatus): number | undefined {
  if (temperatureC === undefined) return undefined;
  const limitC = temperatureLimitC ?? usualLimitC;
  return (name.startsWith('nvme') ? limitC : Math.min(limitC, usualLimitC)) - temperatureC;
}

/** 1 for an array that lacks a member, 0.5 while a new one is filled, 2 for one that does not work any more. */
const arrayValues: Record<ArrayStatus['state'], number> = { ok: 0, rebuilding: 0.5, degraded: 1, failed: 2 };
export const degradedArrays = ({ status }: FreshInput): readonly Reading[] =>
  (status.heartbeat.arrays ?? []).map(({ name, state }) => ({ component: name, value: arrayValues[state] }));

const usedOf = ({ sizeBytes, freeBytes }: FilesystemStatus): number => Math.max(0, 1 - freeBytes / sizeBytes);
const mountOf = ({ mount }: FilesystemStatus): string => mount;

/** Used fraction of each file system. */
export const filesystemUtilization = ({ status }: FreshInput): readonly Reading[] =>
  readingsOf(status.heartbeat.filesystems, mountOf, (fs) => (fs.sizeBytes > 0 ? usedOf(fs) : undefined));

/** Errors of each file system; 1 at least for one that takes no writes any more. */
export const filesystemErrors = ({ status: { heartbeat } }: FreshInput): readonly Reading[] => {
  const absent = heartbeat.checked?.includes('errors') ? 0 : undefined;
  return readingsOf(heartbeat.filesystems, mountOf, ({ readOnly, deviceErrors = absent }) =>
    readOnly ? Math.max(1, deviceErrors ?? 0) : deviceErrors,
  );
};

/** What is older is no part of the short look at a file system. */
const sincePeak = { youngestMinutes: 6 * 60, tolerance: peakTolerance };

/**
 * When each file system is full, if it goes on like this; one that is hardly used is far from it. Both looks have to say
 * so: that at the last six hours, and that at the time since it was fullest in the day before them.
 */
export const filesystemsFullInMs = (input: FreshInput): readonly Reading[] =>
  readingsOf(input.status.heartbeat.filesystems, mountOf, (fs) => {
    if (fs.sizeBytes <= 0) return undefined;
    const short = leftMs(input, 'filesystem', fs.mount, usedOf(fs));
    if (short === undefined || short >= farMs) return short;
    const now = { minute: minuteOf(input), level: usedOf(fs) };
    const peaks = pairs(input.status.history?.peaks?.[filesystemLevel(fs.mount)]);
    return Math.max(short, fullSincePeakMs(peaks, now, sincePeak) ?? 0);
  });

export const uploadBufferFullInMs = (input: FreshInput): readonly Reading[] => {
  const level = input.status.heartbeat.metrics['gateway.upload_buffer.utilization'];
  if (level === undefined) return [];
  const value = leftMs(input, 'buffer', undefined, level);
  return value === undefined ? [] : ofGateway(value);
};

/** `farMs` for what is too empty to be watched; undefined while too little is remembered of the rest. */
function leftMs(
  input: FreshInput,
  kind: keyof typeof watchedFrom,
  mount: string | undefined,
  level: number,
): number | undefined {
  if (level < watchedFrom[kind]) return farMs;
  const minute = minuteOf(input);
  const name = mount === undefined ? bufferLevel : filesystemLevel(mount);
  return fullInMs(pairs(input.status.history?.levels?.[name]), { minute, level }, spacingMinutes[kind]);
}

const minuteOf = ({ status }: FreshInput): number => Math.floor(status.heartbeat.sentAt / 60_000);

/** By how much a counter rose within the time before the heartbeat; no reading where the counter is not known. */
export const roseWithin =
  (name: CounterName, windowMs: number) =>
  ({ status }: FreshInput): readonly Reading[] => {
    if (!isCounted(status.heartbeat, name)) return [];
    if (!status.history?.rises?.[name]) return ofGateway(0);
    const since = (status.heartbeat.sentAt - windowMs) / 60_000;
    const recent = pairs(status.history?.rises?.[name]).filter(([minute]) => minute > since);
    return ofGateway(recent.reduce((sum, [, by]) => sum + by, 0));
  };
