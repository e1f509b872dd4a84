import type { Observation } from '../conditions/evaluate.ts';
import { severities, type AlertItem } from '../model.ts';
import { canTell, changed, stateBehind } from './alert-item.ts';
import { isLive } from './inhibition.ts';
import { withdrawn } from './lifecycle.ts';

/**
 * How many alerts about parts of a gateway are listed: open ones, and onsets of the last day. A gateway that names its
 * volumes anew with each status leaves one of the two for each name, so they would fill the index that every look reads, and
 * leave no place to what is really the matter.
 */

/**
 * More than the largest status has reasons for: 32 volumes and 16 disks of six each, 8 file systems of three, 8 arrays. So
 * where all places are taken, some are of what the gateway does not report.
 */
export const placesMax = 384;
/** Of a gateway that is crowded: each leaves an item behind, whatever becomes of it. */
export const newcomersMax = 4;

export interface Seating {
  /** More want a place than there are: whatever is new then must last, as names that change with each status do not. */
  isCrowded: boolean;
  admitted: readonly Observation[];
  /** What has to make room. */
  displaced: AlertItem[];
}

/**
 * Who gets a place. `newcomers`: raised, without a listed alert; `open`: the gateway's listed alerts; `idle`: those of them
 * without a reading now, and what is only remembered and not raised anew. `turn`: another number with each status, so that
 * in a crowd everybody's turn comes.
 */
export function seated(
  newcomers: readonly Observation[],
  { open, idle, turn }: { open: readonly AlertItem[]; idle: Iterable<AlertItem>; turn: number },
): Seating {
  const taken = open.filter(({ component }) => component !== '').length;
  const free = Math.max(0, placesMax - taken);
  // The gateway's own has a place always.
  const ofParts = newcomers.filter(({ component }) => component !== '');
  const isCrowded = ofParts.length > free || taken >= placesMax;
  if (!isCrowded) return { isCrowded, admitted: newcomers, displaced: [] };
  const start = ofParts.length > 0 ? (turn * newcomersMax) % ofParts.length : 0;
  const inTurn = [...ofParts.slice(start), ...ofParts.slice(0, start)];
  const leaving = leavingInOrder(idle, { isOverfull: taken > placesMax });
  const room = Math.max(free, Math.min(newcomersMax, free + leaving.length));
  const admitted = inTurn.slice(0, room);
  return {
    isCrowded,
    admitted: [...newcomers.filter(({ component }) => component === ''), ...admitted],
    displaced: leaving.slice(0, Math.max(0, admitted.length - free)),
  };
}

/**
 * What is only remembered leaves before anything that is open, the oldest onset first: so none of a crowd grows old. What
 * leaves with a resolve keeps its place until that went out: while nobody takes events, no more of those leave.
 */
function leavingInOrder(idle: Iterable<AlertItem>, { isOverfull }: { isOverfull: boolean }): AlertItem[] {
  const { live = [], remembered = [] } = Object.groupBy(
    [...idle].filter(({ component }) => component !== ''),
    (item) => (isLive(item) ? 'live' : 'remembered'),
  );
  const byOnset = remembered.toSorted((a, b) => (a.raisedAt ?? 0) - (b.raisedAt ?? 0));
  return isOverfull ? byOnset : [...byOnset, ...live.filter(mayLeave).toSorted(leavesFirst)];
}

/** What only just lost its reading may have it back with the next status; what was pending and was told to nobody need not wait. */
const mayLeave = (item: AlertItem): boolean =>
  canTell(item) && (item.state === 'PENDING' || item.state === 'UNKNOWN');

/** Those first that nobody was told of, then the least severe, then the youngest: what was there before the crowd stays. */
const leavesFirst = (a: AlertItem, b: AlertItem): number =>
  rank(a) - rank(b) ||
  severities.indexOf(b.severity) - severities.indexOf(a.severity) ||
  (b.raisedAt ?? b.changedAt) - (a.raisedAt ?? a.changedAt);
const rank = (item: AlertItem): number => ['PENDING', 'FIRING', 'ACKED'].indexOf(stateBehind(item));

/** It makes room: with a resolve where its firing was told, and as no onset of the last day, so that the index forgets it. */
export function displaced(item: AlertItem, now: number): AlertItem {
  if (!isLive(item)) return changed({ ...item, raisedAt: undefined }, now);
  const over = withdrawn(
    item,
    now,
    'unknown',
    'another alert of its gateway took its place; it fires anew if it is still so',
  );
  return over === item ? item : { ...over, raisedAt: undefined };
}
