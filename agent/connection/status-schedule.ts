/**
 * When a status goes up, pure. One at each interval; a change goes at once while the bucket has tokens (`burst`
 * saved up, one regained a minute) and is repeated until it is acknowledged: losing it would hide a failure for a
 * whole interval.
 */
export interface StatusSchedule {
  intervalMs: number;
  burst: number;
  tokens: number;
  /** When the bucket was last filled. */
  filledAt: number;
  beatAt: number;
  /** Something changed that no status has carried yet. */
  isChanged: boolean;
  /** A status that has to arrive: repeated at `retryAt`. */
  awaited: { seq: number; retryAt: number; tries: number } | undefined;
}

export type StatusReason = 'interval' | 'change' | 'retry';

const defaultIntervalMs = 300_000;
const defaultBurst = 5;
const regainMs = 60_000;
const retryMs = 10_000;
const retryMaxMs = 5 * 60_000;

export const newSchedule = (now: number): StatusSchedule => ({
  intervalMs: defaultIntervalMs,
  burst: defaultBurst,
  tokens: defaultBurst,
  filledAt: now,
  beatAt: now + defaultIntervalMs,
  isChanged: false,
  awaited: undefined,
});

/** A connection is up: its server sets the pace, and one status goes at once. */
export function onUp(
  schedule: StatusSchedule,
  welcome: { heartbeatIntervalMs: number; changeBurst?: number },
  now: number,
): StatusSchedule {
  const burst = welcome.changeBurst ?? defaultBurst;
  const tokens = Math.min(schedule.tokens, burst);
  return {
    ...schedule,
    intervalMs: welcome.heartbeatIntervalMs,
    burst,
    tokens,
    beatAt: now,
    awaited: undefined,
  };
}

/** Without a connection nothing is awaited: the first status of the next one says it all. */
export const onDown = (schedule: StatusSchedule): StatusSchedule => ({ ...schedule, awaited: undefined });

export const onChange = (schedule: StatusSchedule): StatusSchedule => ({ ...schedule, isChanged: true });

/** Why a status is due now; undefined: none is. */
export function dueNow(schedule: StatusSchedule, now: number): StatusReason | undefined {
  if (schedule.isChanged && filled(schedule, now).tokens > 0) return 'change';
  if (now >= schedule.beatAt) return 'interval';
  if (schedule.awaited && now >= schedule.awaited.retryAt) return 'retry';
  return undefined;
}

/** When something is due next, if nothing happens. */
export function nextDueAt(schedule: StatusSchedule, now: number): number {
  const { beatAt, awaited, isChanged } = schedule;
  const { tokens, filledAt } = filled(schedule, now);
  const changeAt = isChanged ? (tokens > 0 ? now : filledAt + regainMs) : Infinity;
  return Math.min(beatAt, awaited?.retryAt ?? Infinity, changeAt);
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
    beatAt: now + schedule.intervalMs,
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
