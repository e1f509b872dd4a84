import type { Heartbeat } from '../status.ts';

/**
 * What the status item remembers of earlier heartbeats, so that counters are judged by what they rose and levels by
 * where they go. Kept only where there is something to remember: a healthy gateway's item has none. Times are minutes
 * since 1970 by the gateway's clock, lists alternate between a time and a number, oldest first.
 */
export interface StatusHistory {
  /** When a counter rose, and by how much, over the last day. */
  rises?: Partial<Record<CounterName, number[]>>;
  /** Levels at intervals, by the name of what fills. */
  levels?: Record<string, number[]>;
  /** How full file systems were at the most in each quarter of the last day, and when last. */
  peaks?: Record<string, number[]>;
}

/** Counters start again with the host or with the agent. */
export const counterNames = ['oomKills', 'memoryErrors', 'droppedHeartbeats'] as const;
export type CounterName = (typeof counterNames)[number];

const minuteMs = 60_000;
export const dayMs = 24 * 60 * minuteMs;
/** More rises than that within a day are told as fewer, later ones. */
const risesMax = 6;
/** Rises that close together are one. */
const mergeMinutes = 10;
/** A larger rise is told as this one: what a gateway invents must stay a number that can be stored. */
const riseMax = 1_000_000_000;

export const bufferLevel = 'buffer';
export const filesystemLevel = (mount: string): string => `fs ${mount}`;
/** What is emptier than this is not watched: it does not fill up before the condition on its level is raised. */
export const watchedFrom = { buffer: 0.2, filesystem: 0.7 };
const filesystemsMax = 4;
/** Above this a file system's peaks are not forgotten: what empties each morning was full at night. */
export const peaksKeptFrom = 0.5;
/** A peak of each so many minutes, of a day and a half: a copy may start some hours later than the night before. */
const peakSpacing = 6 * 60;
const peaksWindow = 36 * 60;
/** As full as at the peak. */
export const peakTolerance = 0.005;
/** A point this often, and no more of them than that: two hours of an upload buffer, six of a file system. */
export const spacingMinutes = { buffer: 10, filesystem: 30 };
const pointsMax = 12;

interface Counter {
  value: number | undefined;
  /** ms since it began at 0; undefined: not known. */
  ageMs: number | undefined;
}

/** Absent counters of the host are 0 where the heartbeat says that it looked at them. */
function counterOf(beat: Heartbeat, name: CounterName): Counter {
  const { metrics, checked } = beat;
  if (name === 'droppedHeartbeats')
    return { value: beat.droppedHeartbeats, ageMs: beat.sentAt - beat.agentStartedAt };
  const metric = name === 'oomKills' ? 'gateway.host.oom_kills' : 'hw.memory.errors.uncorrected';
  const absent = checked?.includes('errors') ? 0 : undefined;
  return { value: metrics[metric] ?? absent, ageMs: metrics['gateway.host.uptime'] };
}

/** Whether the heartbeat says anything about the counter. */
export const isCounted = (heartbeat: Heartbeat, name: CounterName): boolean =>
  counterOf(heartbeat, name).value !== undefined;

interface Level {
  name: string;
  level: number;
  spacing: number;
}

const fullestOf = ({ filesystems }: Heartbeat): Level[] =>
  filesystems
    .filter(({ sizeBytes }) => sizeBytes > 0)
    .map(({ mount, sizeBytes, freeBytes }) => ({
      name: filesystemLevel(mount),
      level: 1 - freeBytes / sizeBytes,
      spacing: spacingMinutes.filesystem,
    }))
    .filter(({ level }) => level > peaksKeptFrom)
    .sort((a, b) => b.level - a.level)
    .slice(0, filesystemsMax);

/** The levels whose way is watched: fuller than a bound, the fullest file systems. */
function levelsOf(heartbeat: Heartbeat): Level[] {
  const buffer = heartbeat.metrics['gateway.upload_buffer.utilization'];
  const watched = fullestOf(heartbeat).filter(({ level }) => level >= watchedFrom.filesystem);
  if (buffer !== undefined && buffer >= watchedFrom.buffer)
    watched.push({ name: bufferLevel, level: Math.min(1, buffer), spacing: spacingMinutes.buffer });
  return watched;
}

/**
 * Whether the heartbeat before it matters, which costs a read: a counter is not 0 or may have begun anew within the day,
 * or something fills up, or may have been full last night.
 */
export function needsHistory(heartbeat: Heartbeat): boolean {
  const isCounting = counterNames.some((name) => {
    const { value, ageMs } = counterOf(heartbeat, name);
    return (value ?? 0) > 0 || (name !== 'droppedHeartbeats' && ageMs !== undefined && ageMs < dayMs);
  });
  return isCounting || levelsOf(heartbeat).length > 0 || fullestOf(heartbeat).length > 0;
}

/** What is remembered with `heartbeat`, from the one before it and its history; undefined: nothing. */
export function nextHistory(
  before: { heartbeat: Heartbeat; history?: StatusHistory } | undefined,
  heartbeat: Heartbeat,
): StatusHistory | undefined {
  const rises: NonNullable<StatusHistory['rises']> = {};
  for (const name of counterNames) {
    const list = nextRises(before, heartbeat, name);
    if (list.length > 0) rises[name] = list;
  }
  const minute = Math.floor(heartbeat.sentAt / minuteMs);
  const levels = Object.fromEntries(
    levelsOf(heartbeat).map((level) => [level.name, nextPoints(before?.history, level, minute)]),
  );
  const peaks = Object.fromEntries(
    fullestOf(heartbeat)
      .map((level) => [level.name, nextPeaks(before?.history, level, minute)] as const)
      .filter(([, list]) => list.length > 0),
  );
  const history = {
    ...(Object.keys(rises).length > 0 ? { rises } : {}),
    ...(Object.keys(levels).length > 0 ? { levels } : {}),
    ...(Object.keys(peaks).length > 0 ? { peaks } : {}),
  };
  return Object.keys(history).length > 0 ? history : undefined;
}

function nextRises(
  before: { heartbeat: Heartbeat; history?: StatusHistory } | undefined,
  heartbeat: Heartbeat,
  name: CounterName,
): number[] {
  const minute = Math.floor(heartbeat.sentAt / minuteMs);
  const kept = pairs(before?.history?.rises?.[name]).filter(([at]) => isWithin(at, minute, dayMs / minuteMs));
  const rise = before ? riseOf(before.heartbeat, heartbeat, name) : 0;
  const by = Math.min(riseMax, Math.floor(rise));
  const last = kept.at(-1);
  if (by > 0 && last && minute - last[0] < mergeMinutes)
    kept.splice(-1, 1, [minute, Math.min(riseMax, last[1] + by)]);
  else if (by > 0) kept.push([minute, by]);
  // The oldest two become one at the later time: nothing is forgotten before its time.
  while (kept.length > risesMax)
    kept.splice(0, 2, [kept[1]![0], Math.min(riseMax, kept[0]![1] + kept[1]![1])]);
  return kept.flat();
}

/**
 * By how much a counter rose between two heartbeats. Where it began anew in between, all of it is new: it is smaller
 * than before, or younger than before, or younger than the time in between. The first value of all says nothing.
 */
export function riseOf(before: Heartbeat, now: Heartbeat, name: CounterName): number {
  const [old, next] = [counterOf(before, name), counterOf(now, name)];
  if (next.value === undefined) return 0;
  const elapsedMs = now.sentAt - before.sentAt;
  const isAnew =
    name === 'droppedHeartbeats'
      ? before.bootId !== now.bootId
      : next.ageMs !== undefined &&
        ((old.ageMs !== undefined && next.ageMs < old.ageMs) || next.ageMs <= elapsedMs);
  if (isAnew) return next.value;
  if (old.value === undefined) return 0;
  return next.value < old.value ? next.value : next.value - old.value;
}

function nextPoints(
  history: StatusHistory | undefined,
  { name, level, spacing }: Level,
  minute: number,
): number[] {
  const kept = pairs(history?.levels?.[name]).filter(([at]) =>
    isWithin(at, minute, spacing * (pointsMax + 1)),
  );
  const last = kept.at(-1);
  if (!last || minute - last[0] >= spacing) kept.push([minute, Number(level.toFixed(4))]);
  return kept.slice(-pointsMax).flat();
}

function nextPeaks(history: StatusHistory | undefined, { name, level }: Level, minute: number): number[] {
  const kept = pairs(history?.peaks?.[name]).filter(([at]) => isWithin(at, minute, peaksWindow));
  const last = kept.at(-1);
  const isOfNow = last && Math.floor(last[0] / peakSpacing) === Math.floor(minute / peakSpacing);
  const peak = Number(Math.max(level, isOfNow ? last[1] : 0).toFixed(4));
  if (level >= watchedFrom.filesystem && level >= peak - peakTolerance)
    kept.splice(isOfNow ? -1 : kept.length, 1, [minute, peak]);
  return kept.flat();
}

/** A clock that was set back leaves times behind that have not come yet. */
const isWithin = (at: number, minute: number, window: number): boolean =>
  at <= minute && minute - at < window;

/** A list of alternating times and numbers as pairs. */
export function pairs(flat: readonly number[] | undefined): [minute: number, value: number][] {
  const found: [number, number][] = [];
  for (let i = 0; flat && i + 1 < flat.length; i += 2) found.push([flat[i]!, flat[i + 1]!]);
  return found;
}
