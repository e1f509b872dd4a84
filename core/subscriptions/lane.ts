import type { AlertEvent } from '../alert-event.ts';
import type { LaneEntry, LaneItem } from './model.ts';

/**
 * One subscription's way to hear of one alert: its events by `seq`, one after the other. Every function is
 * (lane, facts) → lane: the same object when nothing changes, else a new one with `version` + 1, to be written on
 * condition that the stored version is still the old one.
 */

/** The bus brings events in any order: how long one waits for those before it. Longer than Lambda tries an event. */
export const gapWaitMs = 20 * 60_000;
/** Tried for so long, an event becomes a dead letter. */
export const giveUpAfterMs = 72 * 3_600_000;
/** Events of one alert that wait at most; the oldest becomes a dead letter. */
export const pendingMax = 64;
const keepIdleMs = 30 * 24 * 3_600_000;

const firstWaitMs = 10_000;
const laneWaitMaxMs = 15 * 60_000;
const turnWaitMaxMs = 5 * 60_000;

/** Doubled with each failure, spread by half so that what failed together is not tried together. */
const waitMs = (failures: number, maxMs: number, random: number): number =>
  Math.min(maxMs, firstWaitMs * 2 ** Math.min(failures - 1, 20)) * (0.5 + random / 2);

/** How long after its nth failed try in a row an event rests. `random`: in [0, 1). */
export const laneWaitMs = (failures: number, random: number): number =>
  waitMs(failures, laneWaitMaxMs, random);
/** How long after its nth turn in vain a subscription rests. */
export const turnWaitMs = (failures: number, random: number): number =>
  waitMs(failures, turnWaitMaxMs, random);

export interface Enlisted {
  lane: LaneItem;
  /** What had to make room. */
  overflow?: LaneEntry;
}

export interface Arrival {
  now: number;
  again?: boolean;
  isBehindDigest?: boolean;
  isOlder?: boolean;
}

/**
 * Takes an event in, at its place. One that is known (it waits, or it or a later one was passed) changes nothing.
 * `again`: a person asked for it once more, though it was passed. `isBehindDigest`: what comes right before it went out in
 * a digest, so that it waits for nothing. `isOlder`: its firing was told before anybody subscribed.
 */
export function enlist(
  stored: LaneItem | undefined,
  of: { deliveryKey: string; event: AlertEvent },
  { now, again = false, isBehindDigest = false, isOlder = false }: Arrival,
): Enlisted | undefined {
  const { deliveryKey, event } = of;
  const known = stored ?? newLane(deliveryKey, event.alertKey);
  const passedBefore = isOlder ? (known.passedSeq ?? event.seq - 1) : known.passedSeq;
  const behind = { ...known, passedSeq: passedBefore };
  const lane = isBehindDigest ? { ...known, passedSeq: passedWithDigest(behind, event) } : behind;
  const isPassed = event.seq <= (lane.passedSeq ?? -Infinity) && !again;
  if (isPassed || lane.pending.some((each) => each.event.eventId === event.eventId)) return undefined;
  const pending = [...lane.pending, { event, at: now }].sort((a, b) => a.event.seq - b.event.seq);
  const overflow = pending.length > pendingMax ? pending.shift() : undefined;
  return {
    lane: next(lane, { pending, passedSeq: overflow ? passed(lane, overflow) : lane.passedSeq }, now),
    overflow,
  };
}

/** What is before the event is passed with its digests, unless what comes before those may still be under way. */
const passedWithDigest = (
  { passedSeq }: LaneItem,
  { seq, digestedFromSeq = seq - 1 }: AlertEvent,
): number | undefined =>
  passedSeq === undefined || passedSeq >= digestedFromSeq - 1 ? Math.max(seq - 1, passedSeq ?? 0) : passedSeq;

/** The entry is out: delivered, or a dead letter. */
export function without(lane: LaneItem, { event }: LaneEntry, now: number): LaneItem {
  const pending = lane.pending.filter((each) => each.event.eventId !== event.eventId);
  if (pending.length === lane.pending.length) return lane;
  const passedSeq = Math.max(event.seq, lane.passedSeq ?? -Infinity);
  return next(lane, { pending, passedSeq, attempts: 0, retryAt: undefined, triedTarget: undefined }, now);
}

/** The target, named by the hash of its challenge, did not take the first entry. */
export function failed(
  lane: LaneItem,
  { target, now, random }: { target: string; now: number; random: number },
): LaneItem {
  const attempts = forTarget(lane, target).attempts + 1;
  return next(lane, { attempts, retryAt: now + laneWaitMs(attempts, random), triedTarget: target }, now);
}

/** The lane as this target finds it: what another one did not take was never tried, and rests no longer. */
export function forTarget(lane: LaneItem, target: string): LaneItem {
  if (lane.attempts === 0 || lane.triedTarget === target) return lane;
  const untried = { ...lane, attempts: 0, retryAt: undefined };
  return { ...untried, dueAt: dueOf(untried) };
}

/** What is to be sent now, if anything is. */
export function headOf({ pending, dueAt }: LaneItem, now: number): LaneEntry | undefined {
  return dueAt !== undefined && dueAt <= now ? pending[0] : undefined;
}

export const isTooOld = ({ at }: LaneEntry, now: number): boolean => now - at >= giveUpAfterMs;

/** What lanes hold that could be out, if its target had taken it. */
export interface Waiting {
  eventCount: number;
  /** When the oldest of them could have gone out. */
  since: number;
  /** There are more lanes than were looked at. */
  hasMore?: true;
}
/** What lanes hold back on purpose, for what comes before it. */
export interface Held {
  eventCount: number;
  /** Goes out then, if what it is held for has not come before. */
  until: number;
}
/**
 * An absent part: there is none. Lanes come longest due first, those that hold something back at the end. `lanesMax`: how
 * many were asked for.
 */
export function waitingIn(
  lanes: readonly LaneItem[],
  { lanesMax, now }: { lanesMax: number; now: number },
): { waiting?: Waiting; held?: Held } {
  const found = lanes.flatMap((lane) => {
    const readyAt = readyAtOf(lane);
    return readyAt === undefined ? [] : [{ eventCount: lane.pending.length, readyAt }];
  });
  const [held, ready] = [
    found.filter(({ readyAt }) => readyAt > now),
    found.filter((one) => one.readyAt <= now),
  ];
  const countOf = (some: typeof found) => some.reduce((sum, { eventCount }) => sum + eventCount, 0);
  const times = (some: typeof found) => some.map(({ readyAt }) => readyAt);
  const hasMore = lanes.length >= lanesMax ? { hasMore: true as const } : {};
  return {
    ...(ready.length > 0
      ? { waiting: { eventCount: countOf(ready), since: Math.min(...times(ready)), ...hasMore } }
      : {}),
    ...(held.length > 0 ? { held: { eventCount: countOf(held), until: Math.max(...times(held)) } } : {}),
  };
}

const newLane = (deliveryKey: string, alertKey: string): LaneItem => ({
  deliveryKey,
  alertKey,
  pending: [],
  attempts: 0,
  version: 0,
  expiresAtSec: 0,
});

const passed = (lane: LaneItem, { event }: LaneEntry): number =>
  Math.max(event.seq, lane.passedSeq ?? -Infinity);

function next(lane: LaneItem, change: Partial<LaneItem>, now: number): LaneItem {
  const changed = { ...lane, ...change, version: lane.version + 1 };
  return { ...changed, dueAt: dueOf(changed), expiresAtSec: Math.ceil((now + keepIdleMs) / 1_000) };
}

function dueOf(lane: LaneItem): number | undefined {
  const readyAt = readyAtOf(lane);
  return readyAt === undefined ? undefined : Math.max(readyAt, lane.retryAt ?? 0);
}

/** One whose predecessor may still be under way waits for it. Of an alert that is new here a firing waits for nothing; nor does a digest, which is 0. */
function readyAtOf({ pending: [head], passedSeq }: LaneItem): number | undefined {
  if (!head) return undefined;
  const { seq, type } = head.event;
  const isNext = passedSeq === undefined ? seq <= 1 || type === 'firing' : seq <= passedSeq + 1;
  return isNext ? head.at : head.at + gapWaitMs;
}
