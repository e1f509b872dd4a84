import type { Observation } from '../conditions/evaluate.ts';
import { severities, type AlertItem } from '../model.ts';
import { canTell, stateBehind } from './alert-item.ts';
import { isLive } from './inhibition.ts';
import { withdrawn } from './lifecycle.ts';

/**
 * How many alerts about parts of a gateway may be open. Those of parts that are no longer reported stay open, so a gateway
 * that names its volumes anew with each status would fill the table, and leave no place to what is really the matter.
 */

/**
 * More than the largest status has reasons for: 32 volumes and 16 disks of six each, 8 file systems of three, 8 arrays. So
 * where all places are taken, some are of what the gateway does not report.
 */
export const placesMax = 384;
/** Of a gateway that is crowded: each leaves an item behind, whatever becomes of it. */
const newcomersMax = 4;

export interface Seating {
  /** More want a place than there are: whatever is new then must last, as names that change with each status do not. */
  isCrowded: boolean;
  admitted: readonly Observation[];
  /** What has to make room. */
  displaced: AlertItem[];
}

/**
 * Who gets a place. `newcomers`: raised, without an open alert; `absent`: open alerts of the gateway without a reading now.
 * `turn`: another number with each status, so that in a crowd everybody's turn comes.
 */
export function seated(
  newcomers: readonly Observation[],
  { open, absent, turn }: { open: readonly AlertItem[]; absent: Iterable<AlertItem>; turn: number },
): Seating {
  const taken = open.filter((item) => item.component !== '' && isLive(item)).length;
  const free = Math.max(0, placesMax - taken);
  // The gateway's own has a place always.
  const ofParts = newcomers.filter(({ component }) => component !== '');
  const isCrowded = ofParts.length > free || taken >= placesMax;
  if (!isCrowded) return { isCrowded, admitted: newcomers, displaced: [] };
  const start = ofParts.length > 0 ? (turn * newcomersMax) % ofParts.length : 0;
  const inTurn = [...ofParts.slice(start), ...ofParts.slice(0, start)];
  const leaving = [...absent].filter(mayLeave).toSorted(leavesFirst);
  const room = Math.max(free, Math.min(newcomersMax, free + leaving.length));
  const admitted = inTurn.slice(0, room);
  return {
    isCrowded,
    admitted: [...newcomers.filter(({ component }) => component === ''), ...admitted],
    displaced: leaving.slice(0, Math.max(0, admitted.length - free)),
  };
}

/** What only just lost its reading may have it back with the next status; what was pending and was told to nobody need not wait. */
const mayLeave = (item: AlertItem): boolean =>
  item.component !== '' &&
  isLive(item) &&
  canTell(item) &&
  (item.state === 'PENDING' || item.state === 'UNKNOWN');

/** Those first that nobody was told of, then the least severe, then the youngest: what was there before the crowd stays. */
const leavesFirst = (a: AlertItem, b: AlertItem): number =>
  rank(a) - rank(b) ||
  severities.indexOf(b.severity) - severities.indexOf(a.severity) ||
  (b.raisedAt ?? b.changedAt) - (a.raisedAt ?? a.changedAt);
const rank = (item: AlertItem): number => ['PENDING', 'FIRING', 'ACKED'].indexOf(stateBehind(item));

/** It makes room: with a resolve where its firing was told, and as no onset of the last day, so that the index forgets it. */
export function displaced(item: AlertItem, now: number): AlertItem {
  const over = withdrawn(
    item,
    now,
    'unknown',
    'another alert of its gateway took its place; it fires anew if it is still so',
  );
  return over === item ? item : { ...over, raisedAt: undefined };
}
