import type { AlertItem, AlertOutboxEntry } from '../model.ts';
import { filed, nextSeq } from './alert-item.ts';
import { eventIdOf } from './alert-key.ts';
import type { AlertHold } from './model.ts';

/**
 * Alerts that another one says it all for. They live on as if nothing were, but for their events: none goes out while
 * they are inhibited. Whether one is, is decided in the write in which it fires, and kept in the same item: so nobody
 * ever has to know whether an event that was once in the outbox has gone out. What still fires when nobody inhibits it
 * any more is told then; a firing that was told gets its resolve, inhibited or not.
 */

/** Holds an alert back for two ticks: what it has in common with others may be a pattern, and the next tick knows. */
export const suspected = 'suspected';

/** Alerts stay among the open ones for so long after they were raised: the longest window looks back a day. */
export const listedForMs = 24 * 3_600_000;

export interface Keepers {
  /** Which alert inhibits it. */
  by: string | undefined;
  /** Who keeps its news back where nobody inhibits it any more (`isReleased`). */
  hold?: AlertHold;
}

/** True when nobody inhibits it any more and it still fires: then it is told, or held. */
export const isReleased = (
  before: AlertItem | undefined,
  after: AlertItem,
  by: string | undefined,
): boolean => before?.inhibitedBy !== undefined && by === undefined && after.state === 'FIRING';

/**
 * What is written of a change `before` → `after` (the same item: nothing changed) while `by` inhibits the alert. The
 * version goes up by one at most.
 */
export function settled(
  before: AlertItem | undefined,
  after: AlertItem,
  keepers: Keepers,
  now: number,
): AlertItem {
  const heard = after === before ? after : withOnset(before, after, now);
  const next = withInhibition(before, heard, keepers, now);
  if (next === before)
    return isOutlived(next, now) ? { ...listed(next, now), version: next.version + 1 } : next;
  const version = (before?.version ?? 0) + 1;
  return { ...listed(next, now), version };
}

function withInhibition(
  before: AlertItem | undefined,
  after: AlertItem,
  { by, hold }: Keepers,
  now: number,
): AlertItem {
  const seqBefore = before?.seq ?? 0;
  const added = after.outbox.filter(({ eventId }) => isNew(eventId, seqBefore));
  const wasHeld = before?.inhibitedBy !== undefined;
  // The firing of what just came to fire, or whatever belongs to a firing that nobody was told of.
  const holds = wasHeld ? added.length > 0 : by !== undefined && added.some(({ type }) => type === 'firing');
  const quiet = holds ? { ...after, outbox: without(after.outbox, added), seq: seqBefore } : after;
  const isOver = quiet.state !== 'FIRING' && quiet.state !== 'ACKED' && quiet.state !== 'UNKNOWN';
  if (isOver) return wasHeld ? { ...quiet, inhibitedBy: undefined } : quiet;
  if (!wasHeld && !holds) return quiet;
  if (by !== undefined) return quiet.inhibitedBy === by ? quiet : { ...quiet, inhibitedBy: by };
  // Of what nobody knows, or somebody has seen already, nothing is told.
  if (quiet.state !== 'FIRING') return quiet;
  return hold === undefined ? told(quiet, now) : { ...quiet, inhibitedBy: undefined, heldBy: hold };
}

function told(item: AlertItem, at: number): AlertItem {
  const seq = nextSeq(item);
  const entry = { eventId: eventIdOf(item.alertKey, item.episode, seq), type: 'firing' as const, at };
  return { ...item, seq, outbox: [...item.outbox, entry], inhibitedBy: undefined, toldAt: at };
}

const isNew = (eventId: string, seqBefore: number): boolean =>
  Number(eventId.slice(eventId.lastIndexOf('#') + 1)) > seqBefore;
const without = (outbox: AlertOutboxEntry[], added: AlertOutboxEntry[]): AlertOutboxEntry[] =>
  outbox.filter((entry) => !added.includes(entry));

/** It fires, or may soon. */
export const isUp = ({ state }: AlertItem): boolean =>
  state === 'PENDING' || state === 'FIRING' || state === 'ACKED' || state === 'UNKNOWN';

function withOnset(before: AlertItem | undefined, after: AlertItem, now: number): AlertItem {
  return isUp(after) && !(before && isUp(before)) ? { ...after, raisedAt: now } : after;
}

/** Among the open ones while it is one, has something to tell, or is an onset of the last day. */
export const listed = (item: AlertItem, now: number): AlertItem => filed(item, isToBeListed(item, now), now);
const isToBeListed = (item: AlertItem, now: number): boolean =>
  isUp(item) || item.outbox.length > 0 || now - (item.raisedAt ?? -Infinity) < listedForMs;
const isOutlived = (item: AlertItem, now: number): boolean =>
  item.openShard !== undefined && !isToBeListed(item, now);

/** It is up or has something to tell: what the index holds besides is only remembered. */
export const isLive = (item: AlertItem): boolean => isUp(item) || item.outbox.length > 0;

/** As if what was pending had just begun: time that nobody watched counts neither for firing nor for resolving. */
export function rewound(item: AlertItem, now: number): AlertItem {
  if (item.state === 'PENDING') return { ...item, pendingSince: now };
  return item.clearSince === undefined ? item : { ...item, clearSince: now };
}
