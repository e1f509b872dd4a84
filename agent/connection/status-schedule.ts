/**
 * When a status goes up, pure. One at each interval, more often while something runs or somebody watches; a change goes at once while the bucket has tokens (`burst`
 * saved up, one regained a minute) and is repeated until it is acknowledged: losing it would hide a failure for a
 * whole interval.
 */
export interface StatusSchedule {
  /** The server's, by its welcome. */
  serverIntervalMs: number;
  /** The gateway's own, by its configuration: stands above the server's. */
  ownIntervalMs: number | undefined;
  /** Somebody looks until then, and says so again if it is for longer. */
  watch: { everyMs: number; until: number } | undefined;
  burst: number;
  tokens: number;
  /** When the bucket was last filled. */
  filledAt: number;
  /** When the last one was made. */
  madeAt: number;
  /** A connection has just come up: it is told at once. */
  isBeatOwed: boolean;
  /** Something changed that no status has carried yet. */
  isChanged: boolean;
  /** A status that has to arrive: repeated at `retryAt`. */
  awaited: { seq: number; retryAt: number; tries: number } | undefined;
}

/** What sets the pace beside the schedule. */
export interface Pace {
  /** Something runs here whose progress people want to see. */
  isBusy: boolean;
  /** Where no ping is answered, only the answers to statuses show that the connection is whole. */
  isPingAnswered: boolean;
}

export type StatusReason = 'interval' | 'change' | 'retry';

const defaultIntervalMs = 300_000;
/** While something runs: often enough to see it move, and still few beside what it does itself. */
const busyEveryMs = 15_000;
const defaultBurst = 5;
const regainMs = 60_000;
const retryMs = 10_000;
const retryMaxMs = 5 * 60_000;

export const newSchedule = (now: number): StatusSchedule => ({
  serverIntervalMs: defaultIntervalMs,
  ownIntervalMs: undefined,
  watch: undefined,
  burst: defaultBurst,
  tokens: defaultBurst,
  filledAt: now,
  madeAt: now,
  isBeatOwed: false,
  isChanged: false,
  awaited: undefined,
});

/** A connection is up: its server sets the pace, and one status goes at once. */
export function onUp(
  schedule: StatusSchedule,
  welcome: { heartbeatIntervalMs: number; changeBurst?: number },
): StatusSchedule {
  const burst = welcome.changeBurst ?? defaultBurst;
  const tokens = Math.min(schedule.tokens, burst);
  return {
    ...schedule,
    serverIntervalMs: welcome.heartbeatIntervalMs,
    burst,
    tokens,
    isBeatOwed: true,
    awaited: undefined,
  };
}

/** Without a connection nothing is awaited, and nobody sees: the first status of the next one says it all. */
export const onDown = (schedule: StatusSchedule): StatusSchedule => ({
  ...schedule,
  awaited: undefined,
  watch: undefined,
});

/**
 * `intervalMs` of the gateway's configuration; undefined: it has none. A new one is told at once, because silence is
 * judged by it.
 */
export function onConfigured(schedule: StatusSchedule, intervalMs: number | undefined): StatusSchedule {
  const next = { ...schedule, ownIntervalMs: intervalMs };
  return intervalOf(next) === intervalOf(schedule) ? next : onChange(next);
}

export const onWatch = (
  schedule: StatusSchedule,
  { everyMs, forMs }: { everyMs: number; forMs: number },
  now: number,
): StatusSchedule => ({ ...schedule, watch: { everyMs, until: now + forMs } });

/** The longest time between two of them. */
export const intervalOf = ({ ownIntervalMs, serverIntervalMs }: StatusSchedule): number =>
  ownIntervalMs ?? serverIntervalMs;

function beatAt(schedule: StatusSchedule, now: number, { isBusy, isPingAnswered }: Pace): number {
  const { watch, madeAt, isBeatOwed, serverIntervalMs } = schedule;
  if (isBeatOwed) return now;
  const watchedMs = watch && now < watch.until ? watch.everyMs : Infinity;
  // The link judges the silence of such a connection by the server's interval.
  const provenMs = isPingAnswered ? Infinity : serverIntervalMs;
  return madeAt + Math.min(intervalOf(schedule), provenMs, isBusy ? busyEveryMs : Infinity, watchedMs);
}

export const onChange = (schedule: StatusSchedule): StatusSchedule => ({ ...schedule, isChanged: true });

/** Why a status is due now; undefined: none is. */
export function dueNow(schedule: StatusSchedule, now: number, pace: Pace): StatusReason | undefined {
  if (schedule.isChanged && filled(schedule, now).tokens > 0) return 'change';
  if (now >= beatAt(schedule, now, pace)) return 'interval';
  if (schedule.awaited && now >= schedule.awaited.retryAt) return 'retry';
  return undefined;
}

/** When to look again, if nothing happens: what begins to run meanwhile is seen then. */
export function nextLookAt(schedule: StatusSchedule, now: number, pace: Pace): number {
  const { awaited, isChanged } = schedule;
  const { tokens, filledAt } = filled(schedule, now);
  const changeAt = isChanged ? (tokens > 0 ? now : filledAt + regainMs) : Infinity;
  const beat = beatAt(schedule, now, pace);
  return Math.min(beat, now + busyEveryMs, awaited?.retryAt ?? Infinity, changeAt);
}

/** Losing the status that is due for this reason would hide something for a whole interval. */
export const mustArrive = (schedule: StatusSchedule, reason: StatusReason): boolean =>
  reason === 'change' || schedule.awaited !== undefined || schedule.isChanged;

/** A status was made: whatever had changed is in it. `isSent`: over a connection, so that an ack can come. */
export function onStatus(
  schedule: StatusSchedule,
  { seq, reason, isSent }: { seq: number; reason: StatusReason; isSent: boolean },
  now: number,
): StatusSchedule {
  const { awaited } = schedule;
  const bucket = reason === 'change' ? take(filled(schedule, now)) : filled(schedule, now);
  const tries = reason === 'retry' ? (awaited?.tries ?? 0) + 1 : 0;
  const waitMs = Math.min(retryMs * 2 ** tries, retryMaxMs);
  return {
    ...bucket,
    isChanged: false,
    madeAt: now,
    isBeatOwed: false,
    awaited: isSent && mustArrive(schedule, reason) ? { seq, retryAt: now + waitMs, tries } : undefined,
  };
}

/** The server has the status `seq`, and with it everything before. */
export function onAck(schedule: StatusSchedule, seq: number): StatusSchedule {
  return schedule.awaited && seq >= schedule.awaited.seq ? { ...schedule, awaited: undefined } : schedule;
}

const take = (schedule: StatusSchedule): StatusSchedule => ({ ...schedule, tokens: schedule.tokens - 1 });

function filled(schedule: StatusSchedule, now: number): StatusSchedule {
  const regained = Math.floor((now - schedule.filledAt) / regainMs);
  if (regained <= 0) return schedule;
  const tokens = Math.min(schedule.burst, schedule.tokens + regained);
  return { ...schedule, tokens, filledAt: schedule.filledAt + regained * regainMs };
}
