import type { ConditionLimits } from '../conditions/signals.ts';
import { suggestedFor, summaryOf, type Observation } from '../conditions/evaluate.ts';
import type { AlertItem, AlertState } from '../model.ts';
import { alertKeyOf, eventIdOf, openShardOf } from './alert-key.ts';

/**
 * OK → PENDING → FIRING → ACKED → RESOLVED, and UNKNOWN while nothing can be known. Every function here is
 * (item, facts, now) → item: the same object when nothing changes, else a new one with `version` + 1, to be written
 * on condition that the stored version is still the old one. Events go to the outbox in the same write.
 */

/** A firing within this time after a resolve goes on with its episode. */
export const reopenWithinMs = 30 * 60_000;
/** More than four transitions an hour are flapping: the third resolve within an hour waits. */
const flapWindowMs = 3_600_000;
const resolvesPerFlapWindow = 2;
export const auditEntriesMax = 40;
/** While nobody takes the events, no more are made: the alert stays as it is. */
export const outboxEntriesMax = 32;

type OpenState = 'PENDING' | 'FIRING' | 'ACKED';

/** An alert that does not exist yet. */
export function newAlert(gateway: { tenantId: string; gatewayId: string }, o: Observation): AlertItem {
  const { tenantId, gatewayId } = gateway;
  const conditionId = o.condition.id;
  const { component } = o;
  return {
    alertKey: alertKeyOf({ tenantId, gatewayId, conditionId, component }),
    tenantId,
    gatewayId,
    conditionId,
    component,
    severity: o.condition.severity,
    state: 'OK',
    episode: 0,
    seq: 0,
    summary: '',
    changedAt: 0,
    evaluatedAt: 0,
    outbox: [],
    audit: [],
    version: 0,
  };
}

/** What a reading makes of the alert. */
export function observed(item: AlertItem, o: Observation, now: number, limits: ConditionLimits): AlertItem {
  const thawed = item.state === 'UNKNOWN' ? thaw(item, now) : item;
  const next = step(thawed, o, now, limits);
  // Thawing and what follows from the reading are one change, hence one version.
  return next === item ? item : { ...next, version: item.version + 1 };
}

function step(item: AlertItem, o: Observation, now: number, limits: ConditionLimits): AlertItem {
  const forMs = o.condition.forMs(limits);
  switch (item.state) {
    case 'FIRING':
    case 'ACKED':
      return stepFiring(item, o, now);
    case 'PENDING':
      if (o.level === 'clear') return pendingOver(item, now);
      return now - (item.pendingSince ?? now) >= forMs ? fire(item, o, now) : item;
    default:
      if (o.level !== 'raised') return item;
      return forMs <= 0 ? fire(item, o, now) : pend(item, o, now);
  }
}

/** Between the thresholds a firing alert goes the way it went: on firing, or on clearing. */
function stepFiring(item: AlertItem, o: Observation, now: number): AlertItem {
  if (o.level === 'raised')
    return item.clearSince === undefined ? item : changed({ ...item, clearSince: undefined }, now);
  if (o.level === 'hold' && item.clearSince === undefined) return item;
  const clearSince = item.clearSince ?? now;
  if (
    now - clearSince >= o.condition.clearForMs &&
    !isFlapping(item, now) &&
    item.outbox.length < outboxEntriesMax
  )
    return resolve(item, now);
  return item.clearSince === undefined ? changed({ ...item, clearSince }, now) : item;
}

/** No fresh facts: an open alert stays as it was, and says that nobody knows. */
export function frozen(item: AlertItem, now: number, note: string): AlertItem {
  if (!isOpenState(item.state)) return item;
  return changed(entered({ ...item, frozenState: item.state }, 'UNKNOWN', now, note), now);
}

/** Facts are back. Time that nobody watched counts neither for firing nor for resolving. */
function thaw(item: AlertItem, now: number): AlertItem {
  const back = item.frozenState ?? 'FIRING';
  const next = { ...item, frozenState: undefined, clearSince: undefined };
  if (back === 'PENDING') return changed({ ...next, state: back, pendingSince: now }, now);
  return changed(entered(next, back, now, 'known again'), now);
}

/** The alert has lost its object (a revoked gateway, a condition that is gone): it ends, with a resolve if it fired. */
export function withdrawn(item: AlertItem, now: number, note: string): AlertItem {
  const state = item.state === 'UNKNOWN' ? item.frozenState : item.state;
  if (state === 'PENDING') return pendingOver(item, now);
  if (state !== 'FIRING' && state !== 'ACKED') return item;
  return resolve(item, now, note);
}

/** A person has seen it. Undefined when there is nothing to acknowledge; the same item when it already is. */
export function acknowledged(item: AlertItem, by: string, now: number): AlertItem | undefined {
  const isFrozen = item.state === 'UNKNOWN';
  const state = isFrozen ? item.frozenState : item.state;
  if (state === 'ACKED') return item;
  if (state !== 'FIRING') return undefined;
  const next: AlertItem = { ...item, ackedAt: now, ackedBy: by, changedAt: now };
  const note = `by ${by}`;
  if (!isFrozen) return changed(entered(next, 'ACKED', now, note), now);
  return changed({ ...next, frozenState: 'ACKED', audit: audited(item, 'ACKED', now, note) }, now);
}

/** Takes emitted events out; the rest keeps its order. */
export function emitted(item: AlertItem, eventIds: ReadonlySet<string>, now: number): AlertItem {
  const outbox = item.outbox.filter(({ eventId }) => !eventIds.has(eventId));
  return outbox.length === item.outbox.length ? item : changed({ ...item, outbox }, now);
}

function pend(item: AlertItem, o: Observation, now: number): AlertItem {
  return changed({ ...described(item, o), state: 'PENDING', pendingSince: now, changedAt: now }, now);
}

function pendingOver(item: AlertItem, now: number): AlertItem {
  const state: AlertState = item.resolvedAt === undefined ? 'OK' : 'RESOLVED';
  const next = { ...item, state, pendingSince: undefined, frozenState: undefined, changedAt: now };
  return changed(next, now);
}

function fire(item: AlertItem, o: Observation, now: number): AlertItem {
  if (item.outbox.length >= outboxEntriesMax) return item;
  const reopens = item.resolvedAt !== undefined && now - item.resolvedAt < reopenWithinMs;
  const waited = item.pendingSince === undefined ? item : pendingAudited(item, item.pendingSince);
  const next = {
    ...described(waited, o),
    episode: reopens ? item.episode : item.episode + 1,
    firedAt: now,
    pendingSince: undefined,
    resolvedAt: undefined,
    clearSince: undefined,
    ackedAt: undefined,
    ackedBy: undefined,
  };
  return changed(withEvent(entered(next, 'FIRING', now, reopens ? 'again' : undefined), 'firing', now), now);
}

function resolve(item: AlertItem, now: number, note?: string): AlertItem {
  const next = { ...item, resolvedAt: now, clearSince: undefined, frozenState: undefined };
  return changed(withEvent(entered(next, 'RESOLVED', now, note), 'resolved', now), now);
}

/** A pending time is worth a line only once it led to a firing: else it would push the others out. */
const pendingAudited = (item: AlertItem, since: number): AlertItem => ({
  ...item,
  audit: audited(item, 'PENDING', since),
});

function described(item: AlertItem, o: Observation): AlertItem {
  const { severity } = o.condition;
  return { ...item, severity, summary: summaryOf(o), value: o.value, suggested: suggestedFor(o) };
}

function entered(item: AlertItem, state: AlertState, now: number, note?: string): AlertItem {
  return { ...item, state, changedAt: now, audit: audited(item, state, now, note) };
}

const audited = (item: AlertItem, state: AlertState, at: number, note?: string) =>
  [...item.audit, note === undefined ? { at, state } : { at, state, note }].slice(-auditEntriesMax);

function withEvent(item: AlertItem, type: 'firing' | 'resolved', at: number): AlertItem {
  const seq = item.seq + 1;
  const eventId = eventIdOf(item.alertKey, item.episode, seq);
  return { ...item, seq, outbox: [...item.outbox, { eventId, type, at }] };
}

function changed(item: AlertItem, now: number): AlertItem {
  const isListed = isOpenState(item.state) || item.state === 'UNKNOWN' || item.outbox.length > 0;
  return {
    ...item,
    evaluatedAt: now,
    openShard: isListed ? openShardOf(item.alertKey) : undefined,
    version: item.version + 1,
  };
}

const isOpenState = (state: AlertState): state is OpenState =>
  state === 'PENDING' || state === 'FIRING' || state === 'ACKED';

const isFlapping = ({ audit }: AlertItem, now: number): boolean =>
  audit.filter(({ at, state }) => state === 'RESOLVED' && now - at < flapWindowMs).length >=
  resolvesPerFlapWindow;
