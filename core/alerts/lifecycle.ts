import type { ConditionLimits } from '../conditions/signals.ts';
import { suggestedFor, summaryOf, type Observation } from '../conditions/evaluate.ts';
import { severities, type AlertItem, type AlertOutboxEntry, type AlertState } from '../model.ts';
import {
  audited,
  canTell,
  changed,
  entered,
  firstEpisodeAt,
  isOpenState,
  stateBehind,
  withEvent,
} from './alert-item.ts';
import { alertKeyOf, parseEventId } from './alert-key.ts';
import type { AlertHold, ResolveReason } from './model.ts';
import { isReminderDue } from './reminders.ts';

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
/** A component that the gateway's reports have lacked for this long is no longer there. */
export const missingForMs = 24 * 3_600_000;
/** Of what nobody has known anything for this long, nobody will: if it is still so, it fires anew. */
export const unknownForMs = 14 * 24 * 3_600_000;

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

interface Moment {
  now: number;
  limits: ConditionLimits;
  hold: AlertHold | undefined;
}

/** What a reading makes of the alert. `hold`: who keeps the news of it back. */
export function observed(
  item: AlertItem,
  o: Observation,
  now: number,
  limits: ConditionLimits,
  hold?: AlertHold,
): AlertItem {
  const thawed = item.state === 'UNKNOWN' ? thaw(item, now) : item;
  const next = step(thawed, o, { now, limits, hold });
  // Thawing and what follows from the reading are one change, hence one version.
  return next === item ? item : { ...next, version: item.version + 1 };
}

function step(item: AlertItem, o: Observation, moment: Moment): AlertItem {
  const { now, limits } = moment;
  const forMs = Math.max(o.forMs ?? 0, o.condition.forMs(limits));
  switch (item.state) {
    case 'FIRING':
    case 'ACKED':
      return stepFiring(item, o, moment);
    case 'PENDING':
      if (o.level === 'clear') return pendingOver(item, now);
      return now - (item.pendingSince ?? now) >= forMs ? fire(item, o, moment) : item;
    default:
      if (o.level !== 'raised') return item;
      return forMs <= 0 ? fire(item, o, moment) : pend(item, o, now);
  }
}

/** Between the thresholds a firing alert goes the way it went: on firing, or on clearing. */
function stepFiring(item: AlertItem, o: Observation, moment: Moment): AlertItem {
  const { now } = moment;
  if (o.level === 'raised' && item.clearSince !== undefined)
    return tell(changed({ ...item, clearSince: undefined }, now), o, moment);
  if (o.level === 'raised' || (o.level === 'hold' && item.clearSince === undefined))
    return tell(item, o, moment);
  const clearSince = item.clearSince ?? now;
  if (now - clearSince >= o.condition.clearForMs && !isFlapping(item, now) && canTell(item))
    return resolve(item, now, 'clear');
  return item.clearSince === undefined ? changed({ ...item, clearSince }, now) : item;
}

/** What is owed while it fires: the firing that was held, once nobody holds it; reminders. What is acknowledged owes none. */
function tell(item: AlertItem, o: Observation, { now, hold }: Moment): AlertItem {
  if (item.state !== 'FIRING' || !canTell(item)) return item;
  if (hold !== undefined)
    return item.heldBy === undefined || item.heldBy === hold ? item : changed({ ...item, heldBy: hold }, now);
  if (item.heldBy !== undefined) {
    const note = `told now, was held by ${item.heldBy}`;
    const next = { ...described(item, o), heldBy: undefined, toldAt: now };
    return changed(withEvent(entered(next, 'FIRING', now, note), { type: 'firing', at: now }), now);
  }
  if (!isReminderDue(item, now)) return item;
  const reminder = (item.reminders ?? 0) + 1;
  // Whoever hears of this severity alone was told that it fires, and is to hear of its end.
  const severity = severities.find((each) => each === item.severity || each === o.condition.severity)!;
  const next = { ...described(item, o), severity, reminders: reminder, remindedAt: now };
  return changed(withEvent(next, { type: 'reminder', at: now, reminder }), now);
}

/**
 * No fresh facts: an open alert stays as it was, and says that nobody knows. `isMissing`: the gateway reports, and only
 * the component is not in its reports; after a day of that it is gone.
 */
export function unseen(item: AlertItem, now: number, { isMissing }: { isMissing: boolean }): AlertItem {
  if (isOpenState(item.state)) {
    const note = isMissing ? 'not reported any more' : 'no fresh facts';
    const next = { ...item, frozenState: item.state, missingSince: isMissing ? now : undefined };
    return changed(entered(next, 'UNKNOWN', now, note), now);
  }
  if (item.state !== 'UNKNOWN' || !canTell(item)) return item;
  if (isMissing && item.missingSince !== undefined && now - item.missingSince >= missingForMs)
    return withdrawn(item, now, 'removed');
  if (now - item.changedAt >= unknownForMs) return withdrawn(item, now, 'unknown');
  // Only a day of reports that came shows that it is gone.
  if (isMissing === (item.missingSince !== undefined)) return item;
  return changed({ ...item, missingSince: isMissing ? now : undefined }, now);
}

/** Facts are back. Time that nobody watched counts neither for firing nor for resolving. */
function thaw(item: AlertItem, now: number): AlertItem {
  const back = stateBehind(item);
  const next = { ...item, frozenState: undefined, clearSince: undefined, missingSince: undefined };
  if (back === 'PENDING') return changed({ ...next, state: back, pendingSince: now }, now);
  return changed(entered(next, back, now, 'known again'), now);
}

const withdrawnNotes: Readonly<Record<Exclude<ResolveReason, 'clear'>, string>> = {
  revoked: 'the gateway was revoked',
  removed: 'the gateway has not reported it for a day: it was removed there',
  unknown: 'nothing was known of it for two weeks; it fires anew if it is still so',
  unwatched: 'nobody looks for this condition any more',
};

/** The alert has lost its object, or all facts for good: it ends, with a resolve that says so if its firing was told. */
export function withdrawn(
  item: AlertItem,
  now: number,
  reason: Exclude<ResolveReason, 'clear'>,
  note = withdrawnNotes[reason],
): AlertItem {
  const state = stateBehind(item);
  if (state === 'PENDING') return pendingOver(item, now);
  if (state !== 'FIRING' && state !== 'ACKED') return item;
  return resolve(item, now, reason, note);
}

/** Takes emitted events out; the rest keeps its order. `digestOf`: the digest that an event went out in. */
export function emitted(
  item: AlertItem,
  eventIds: ReadonlySet<string>,
  now: number,
  digestOf: ReadonlyMap<string, string> = new Map(),
): AlertItem {
  const gone = item.outbox.filter(({ eventId }) => eventIds.has(eventId));
  if (gone.length === 0) return item;
  const told = gone.findLast(({ type }) => type === 'firing');
  const outbox = item.outbox.filter(({ eventId }) => !eventIds.has(eventId));
  const lastDigest = digested(gone, digestOf, item.lastDigest);
  const toldIn = told ? digestOf.get(told.eventId) : item.toldIn;
  return changed({ ...item, outbox, toldIn, lastDigest }, now);
}

/** Of the events that went out, the last ones that did in digests, together with those before them. */
function digested(
  gone: readonly AlertOutboxEntry[],
  digestOf: ReadonlyMap<string, string>,
  before: AlertItem['lastDigest'],
): AlertItem['lastDigest'] {
  let digest: AlertItem['lastDigest'];
  for (const { eventId } of gone) {
    const [digestId, seq] = [digestOf.get(eventId), parseEventId(eventId)?.seq];
    if (digestId === undefined || seq === undefined) digest = undefined;
    else {
      const run = digest ?? before;
      digest = { eventId: digestId, fromSeq: run?.seq === seq - 1 ? run.fromSeq : seq, seq };
    }
  }
  return digest;
}

function pend(item: AlertItem, o: Observation, now: number): AlertItem {
  return changed({ ...described(item, o), state: 'PENDING', pendingSince: now, changedAt: now }, now);
}

function pendingOver(item: AlertItem, now: number): AlertItem {
  const state: AlertState = item.resolvedAt === undefined ? 'OK' : 'RESOLVED';
  const over = { pendingSince: undefined, frozenState: undefined, missingSince: undefined };
  return changed({ ...item, ...over, state, changedAt: now }, now);
}

/** In a hold nothing goes out; an acknowledgement holds for as long as the episode does. */
function fire(item: AlertItem, o: Observation, { now, hold }: Moment): AlertItem {
  if (!canTell(item)) return item;
  const reopens = item.resolvedAt !== undefined && now - item.resolvedAt < reopenWithinMs;
  const waited = item.pendingSince === undefined ? item : pendingAudited(item, item.pendingSince);
  const state = reopens && item.ackedAt !== undefined ? 'ACKED' : 'FIRING';
  const next: AlertItem = {
    ...described(waited, o),
    ...(state === 'ACKED' ? {} : { ackedAt: undefined, ackedBy: undefined, ackedWhy: undefined }),
    episode: reopens ? item.episode : item.episode === 0 ? firstEpisodeAt(now) : item.episode + 1,
    firedAt: now,
    pendingSince: undefined,
    resolvedAt: undefined,
    clearSince: undefined,
    heldBy: hold,
    toldAt: hold === undefined ? now : undefined,
    reminders: undefined,
    remindedAt: undefined,
  };
  const note =
    [reopens ? 'again' : '', hold ? `held by ${hold}` : ''].filter(Boolean).join(', ') || undefined;
  const fired = entered(next, state, now, note);
  return changed(hold === undefined ? withEvent(fired, { type: 'firing', at: now }) : fired, now);
}

/** One resolve for each firing that was told, at once also in a hold; none for one that never was. */
function resolve(item: AlertItem, now: number, reason: ResolveReason, note?: string): AlertItem {
  const over = { clearSince: undefined, frozenState: undefined, heldBy: undefined, missingSince: undefined };
  const next = entered({ ...item, ...over, resolvedAt: now }, 'RESOLVED', now, note);
  if (item.heldBy !== undefined) return changed(next, now);
  return changed(withEvent(next, { type: 'resolved', at: now, reason }), now);
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

const isFlapping = ({ audit }: AlertItem, now: number): boolean =>
  audit.filter(({ at, state }) => state === 'RESOLVED' && now - at < flapWindowMs).length >=
  resolvesPerFlapWindow;
