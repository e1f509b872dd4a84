import { commandSpecs } from '../command-kinds.ts';
import { finalCommandStates, type CommandItem, type CommandState } from '../model.ts';

/** On top of a command's own time-out, which the agent enforces: the result may be on its way. */
export const timeoutGraceMs = 5 * 60_000;
const recheckMs = 60_000;
const recheckMaxMs = 10 * 60_000;

export const isFinal = (state: CommandState): boolean =>
  (finalCommandStates as readonly CommandState[]).includes(state);
/** Kinds that must not run twice wait for `cmd.go`, which follows a start grant. */
export const needsGo = (command: Pick<CommandItem, 'kind'>): boolean =>
  !commandSpecs[command.kind].idempotent;
/** Not yet known to be in the agent's journal. */
export const isUnacked = ({ state }: CommandItem): boolean => state === 'QUEUED' || state === 'SENT';

/** No agent was ever asked to do it, and none will be: whatever comes, it ends EXPIRED. */
export const hasExpired = ({ state, attempt, expiresAt }: CommandItem, at: number): boolean =>
  state === 'QUEUED' && attempt === 0 && at >= expiresAt;

/** Functions' clocks differ, and a claim may be under way to the table. */
const shownExpiredAfterMs = 5_000;

/** The state as people are told: that of a command that has expired does not wait until the sweeper has written it. */
export const shownState = (item: CommandItem, at: number): Pick<CommandItem, 'state' | 'endedAt'> =>
  hasExpired(item, at - shownExpiredAfterMs)
    ? { state: 'EXPIRED', endedAt: item.expiresAt }
    : { state: item.state, endedAt: item.endedAt };

/** A gateway that is away keeps its results until it is back, so time runs at least until the command expires. */
export function deadline(item: CommandItem, online: boolean): number {
  const own = (item.ackedAt ?? item.createdAt) + item.timeoutMs + timeoutGraceMs;
  return online ? own : Math.max(own, item.expiresAt);
}

/** When the sweeper has to look at an open command again. */
export function dueAt(item: CommandItem, at: number): number {
  const patience = Math.min(Math.max(at - item.createdAt, recheckMs), recheckMaxMs);
  const { claimUntil = 0 } = item;
  if (isUnacked(item)) return Math.min(item.expiresAt, claimUntil > at ? claimUntil : at + patience);
  const until = deadline(item, true);
  const recheckAt = item.state === 'ACKED' && needsGo(item) ? at + recheckMs : at + recheckMaxMs;
  return until > at ? Math.min(until, recheckAt) : at + recheckMaxMs;
}

/**
 * When the sweeper has to look at a final command that still lacks its audit entry. Where it was due sooner anyway, that
 * stays: an unchanged key costs the index no write.
 */
export const auditDueAt = ({ dueAt: before }: CommandItem, at: number): number =>
  Math.min(before ?? Infinity, at + recheckMs);
