import type { CommandOutcome } from '../messages.ts';
import type { CommandItem, CommandState } from '../model.ts';
import type { Draft } from '../routes/frames.ts';
import { auditDueAt, deadline, dueAt, hasExpired, isFinal, isUnacked, needsGo } from './states.ts';

/**
 * The life of a command: QUEUED → SENT → ACKED → RUNNING → one final state. `transition` is pure; its caller writes
 * the new item if the version is still the one it read, and only then performs the effects.
 */
export type CommandEvent = { at: number } & (
  | { type: 'claim'; epoch: number }
  /** The claimed attempt certainly reached nobody. */
  | { type: 'unsent'; attempt: number }
  /** The agent has it in its journal; for kinds that need a grant, the grant has been given. */
  | { type: 'ack'; attempt: number; journalId: string }
  | { type: 'progress'; attempt: number; fraction: number; note?: string }
  | { type: 'result'; attempt: number; outcome: CommandOutcome; startedAt: number; endedAt: number }
  | { type: 'cancel'; by: string }
  /** The gateway is connected with this journal. `staleGrant`: another journal holds the right to start it. */
  | { type: 'reconcile'; journalId: string; staleGrant: boolean }
  /** Time went by. */
  | { type: 'tick'; online: boolean }
  /** Nothing that the gateway says is taken any more. */
  | { type: 'revoked' }
);

export type CommandEffect =
  | { do: 'post'; draft: Draft }
  /** The command is final: its start grant goes back. */
  | { do: 'release-grant' }
  /** The command is final: its audit entry is to be written. */
  | { do: 'audit' }
  /** It no longer holds its lane up. */
  | { do: 'advance-lane' };

export interface Transition {
  /** The item to write; undefined: nothing changed. */
  next?: CommandItem;
  effects: CommandEffect[];
}

/** How long a posted attempt may go without its ack before it is posted again. */
export const claimMs = 30_000;
export const maxAuditEntries = 40;

const none: Transition = { effects: [] };

export function transition(item: CommandItem, event: CommandEvent): Transition {
  switch (event.type) {
    case 'claim':
      return onClaim(item, event);
    case 'unsent':
      return item.state === 'SENT' && item.attempt === event.attempt
        ? requeued(item, event.at, 'not delivered')
        : none;
    case 'ack':
      return onAck(item, event);
    case 'progress':
      return onProgress(item, event);
    case 'result':
      return onResult(item, event);
    case 'cancel':
      return onCancel(item, event);
    case 'reconcile':
      return onReconcile(item, event);
    case 'tick':
      return onTick(item, event);
    case 'revoked':
      return onRevoked(item, event);
  }
}

type On<T extends CommandEvent['type']> = Extract<CommandEvent, { type: T }>;

/**
 * QUEUED, or SENT to an older connection or too long ago. Never back to an older connection than it was sent to, not
 * even out of the queue: whoever would post there works with what it read before the newer one took its place.
 */
export function isClaimable(item: CommandItem, { epoch, at }: { epoch: number; at: number }): boolean {
  if (at >= item.expiresAt || item.cancelRequested) return false;
  const sentEpoch = item.sentEpoch ?? 0;
  if (sentEpoch > epoch) return false;
  if (item.state === 'QUEUED') return true;
  return item.state === 'SENT' && (sentEpoch < epoch || at >= (item.claimUntil ?? 0));
}

function onClaim(item: CommandItem, event: On<'claim'>): Transition {
  if (!isClaimable(item, event)) return none;
  const attempt = item.attempt + 1;
  const sent = { ...item, attempt, sentEpoch: event.epoch, claimUntil: event.at + claimMs };
  const next = moved(sent, event.at, 'SENT', `attempt ${attempt}`);
  return { next, effects: [{ do: 'post', draft: commandDraft(next) }] };
}

/** True where the ack, if it comes from the live connection, must be backed by a start grant first. */
export const ackNeedsGrant = (item: CommandItem, ack: { attempt: number; journalId: string }): boolean =>
  needsGo(item) && ack.attempt <= item.attempt && !item.cancelRequested && isAckable(item, ack.journalId);

const isAckable = (item: CommandItem, journalId: string): boolean =>
  isUnacked(item) || (item.state === 'ACKED' && item.ackedJournalId === journalId);

function onAck(item: CommandItem, event: On<'ack'>): Transition {
  const { commandId } = item;
  if (isFinal(item.state))
    return { effects: [{ do: 'post', draft: { t: 'cmd.cancel', body: { commandId } } }] };
  if (event.attempt > item.attempt || !isAckable(item, event.journalId)) return none;
  const go: CommandEffect = {
    do: 'post',
    draft: { t: 'cmd.go', body: { commandId, attempt: event.attempt } },
  };
  const repeated = item.state === 'ACKED';
  if (needsGo(item)) {
    if (item.cancelRequested && !repeated) return canceled(item, event.at, 'before it started');
    if (repeated) return { effects: [go] };
  } else if (repeated) return none;
  const acked = { ...item, ackedAt: event.at, ackedJournalId: event.journalId };
  const effects: CommandEffect[] = [{ do: 'advance-lane' }];
  if (needsGo(item)) effects.unshift(go);
  if (item.cancelRequested) effects.unshift({ do: 'post', draft: { t: 'cmd.cancel', body: { commandId } } });
  return { next: moved(acked, event.at, 'ACKED'), effects };
}

function onProgress(item: CommandItem, event: On<'progress'>): Transition {
  if (item.state !== 'ACKED' && item.state !== 'RUNNING') return none;
  const { at, fraction, note } = event;
  const progress = { fraction, at, ...(note === undefined ? {} : { note }) };
  if (item.state === 'RUNNING') return { next: changed({ ...item, progress }, at), effects: [] };
  return { next: moved({ ...item, progress, startedAt: at }, at, 'RUNNING'), effects: [] };
}

/** Accepted from any open state, since it may overtake its ack; a repeated one is acknowledged again. */
function onResult(item: CommandItem, event: On<'result'>): Transition {
  const { commandId } = item;
  const ack: CommandEffect = {
    do: 'post',
    draft: { t: 'result.ack', body: { commandId, attempt: event.attempt } },
  };
  if (isFinal(item.state)) return { effects: [ack] };
  if (event.attempt > item.attempt) return none;
  const { outcome, startedAt, endedAt, at } = event;
  const final = finished({ ...item, outcome, startedAt, endedAt }, at, outcome.status, outcome.error?.code);
  return { ...final, effects: [ack, ...final.effects] };
}

/** Before the agent could start it, it is canceled at once; afterwards the agent decides. */
function onCancel(item: CommandItem, event: On<'cancel'>): Transition {
  if (isFinal(item.state)) return none;
  if (hasExpired(item, event.at)) return expired(item, event.at);
  const tell: CommandEffect = {
    do: 'post',
    draft: { t: 'cmd.cancel', body: { commandId: item.commandId } },
  };
  if (item.state === 'QUEUED' || (item.state === 'SENT' && needsGo(item))) {
    const final = canceled(item, event.at, `by ${event.by}`);
    return item.attempt === 0 ? final : { ...final, effects: [tell, ...final.effects] };
  }
  if (item.cancelRequested) return { effects: [tell] };
  const asked = { ...item, cancelRequested: true };
  return { next: moved(asked, event.at, item.state, `cancel asked by ${event.by}`), effects: [tell] };
}

function onReconcile(item: CommandItem, event: On<'reconcile'>): Transition {
  const { commandId, attempt } = item;
  if (isFinal(item.state)) return none;
  if (isUnacked(item))
    return event.staleGrant ? requeued(item, event.at, 'the journal that could start it is lost') : none;
  if (item.ackedJournalId !== event.journalId) {
    if (needsGo(item)) return finished(item, event.at, 'INDETERMINATE', 'the agent lost its journal');
    return requeued(item, event.at, 'the agent lost its journal');
  }
  const effects: CommandEffect[] = [];
  if (item.cancelRequested) effects.push({ do: 'post', draft: { t: 'cmd.cancel', body: { commandId } } });
  else if (item.state === 'ACKED' && needsGo(item))
    effects.push({ do: 'post', draft: { t: 'cmd.go', body: { commandId, attempt } } });
  return { effects };
}

function onTick(item: CommandItem, { at, online }: On<'tick'>): Transition {
  if (isFinal(item.state)) return none;
  if (isUnacked(item)) {
    if (at >= item.expiresAt) return expired(item, at);
    if (item.cancelRequested && at >= (item.claimUntil ?? 0))
      return canceled(item, at, 'nobody had taken it');
    if (item.state === 'QUEUED' && item.whenOffline === 'refuse' && !online) return refusedOffline(item, at);
  } else if (at >= deadline(item, online)) return finished(item, at, 'TIMED_OUT', 'no result in time');
  return (item.dueAt ?? 0) <= at ? { next: changed(item, at), effects: [] } : none;
}

/** What the agent cannot have begun is canceled; of the rest nobody will ever know. */
function onRevoked(item: CommandItem, { at }: On<'revoked'>): Transition {
  if (isFinal(item.state)) return none;
  if (hasExpired(item, at)) return expired(item, at);
  const hasNotBegun = item.state === 'QUEUED' || (item.state === 'SENT' && needsGo(item));
  const [state, message] = hasNotBegun
    ? (['CANCELED', 'the gateway was revoked before it could begin'] as const)
    : (['INDETERMINATE', 'the gateway was revoked; whether it did this is not known'] as const);
  const outcome: CommandOutcome = { status: state, error: { code: 'GONE', message } };
  return finished({ ...item, outcome }, at, state, 'the gateway was revoked');
}

function refusedOffline(item: CommandItem, at: number): Transition {
  const outcome: CommandOutcome = {
    status: 'REJECTED',
    error: { code: 'OFFLINE', message: 'the gateway is not connected, and the command was not to wait' },
  };
  return finished({ ...item, outcome }, at, 'REJECTED', 'OFFLINE');
}

function requeued(item: CommandItem, at: number, note: string): Transition {
  if (item.cancelRequested) return canceled(item, at, note);
  const {
    claimUntil: _claim,
    ackedAt: _acked,
    ackedJournalId: _journal,
    progress: _progress,
    ...rest
  } = item;
  return { next: moved(rest, at, 'QUEUED', note), effects: [] };
}

/** It ended when its time was over, whenever that is noticed. */
const expired = (item: CommandItem, at: number): Transition =>
  finished({ ...item, endedAt: item.expiresAt }, at, 'EXPIRED', 'nobody took it in time');

const canceled = (item: CommandItem, at: number, note: string): Transition =>
  finished({ ...item, cancelRequested: true }, at, 'CANCELED', note);

function finished(item: CommandItem, at: number, state: CommandState, note?: string): Transition {
  const { openSeq: _seq, claimUntil: _claim, ...rest } = item;
  const next = moved({ ...rest, endedAt: rest.endedAt ?? at }, at, state, note);
  return { next, effects: [{ do: 'release-grant' }, { do: 'audit' }, { do: 'advance-lane' }] };
}

/** A final command whose audit entry is written: nobody has to look at it again. */
export function audited(item: CommandItem): CommandItem {
  const { openShard: _shard, dueAt: _due, ...rest } = item;
  return { ...rest, version: item.version + 1 };
}

/** The first entry stays, since it says who asked; of the rest the newest. */
function moved(item: CommandItem, at: number, state: CommandState, note?: string): CommandItem {
  const entry = { at, state, ...(note ? { note } : {}) };
  const audit = [...item.audit, entry];
  const bounded = audit.length > maxAuditEntries ? [audit[0]!, ...audit.slice(1 - maxAuditEntries)] : audit;
  return changed({ ...item, state, audit: bounded }, at);
}

function changed(item: CommandItem, at: number): CommandItem {
  const next = { ...item, version: item.version + 1 };
  return { ...next, dueAt: isFinal(next.state) ? auditDueAt(next, at) : dueAt(next, at) };
}

const commandDraft = (item: CommandItem): Draft => ({
  t: 'cmd',
  body: {
    commandId: item.commandId,
    attempt: item.attempt,
    kind: item.kind,
    params: item.params as Extract<Draft, { t: 'cmd' }>['body']['params'],
    needsGo: needsGo(item),
    expiresAt: item.expiresAt,
    timeoutMs: item.timeoutMs,
  },
});
