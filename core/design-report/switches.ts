import { historyDays, type Change, type GatewayPast } from './fleet-history.ts';

/** A gateway that changed to a value, with the days on which it was seen on either side; sets of days are bits. */
export interface Switch {
  past: GatewayPast;
  change: Change;
  before: number;
  after: number;
  /** All days with the value after the change, not only those of `after`. */
  carried: number;
}

/** Days that count on each side of a change. */
export const sideDays = 14;

/**
 * Days next to a change on which the gateway was seen, up to the next change of the same attribute. Without the day itself:
 * what began on it may have begun before, and what restarts for an installation is not the version’s doing.
 */
export function switchesOf(past: GatewayPast, attribute: number): Switch[] {
  const changes = past.changes.filter((change) => change.attribute === attribute);
  return changes.flatMap((change, i) => {
    const from = Math.max((changes[i - 1]?.day ?? -1) + 1, change.day - sideDays);
    const next = changes[i + 1]?.day ?? historyDays;
    const before = past.present & daysFrom(from, change.day);
    const carried = past.present & daysFrom(change.day + 1, next);
    const after = carried & daysFrom(change.day + 1, change.day + 1 + sideDays);
    return before !== 0 && after !== 0 ? [{ past, change, before, after, carried }] : [];
  });
}

function daysFrom(from: number, to: number): number {
  let mask = 0;
  for (let day = from; day < Math.min(to, historyDays); day++) mask |= 1 << day;
  return mask;
}

export function countOf(mask: number): number {
  let count = 0;
  for (let left = mask; left !== 0; left &= left - 1) count += 1;
  return count;
}

/** The days on which a list of `condition × 32 + day` has the condition. */
export const daysOf = (list: readonly number[], condition: number): number =>
  list.reduce((mask, one) => (one >>> 5 === condition ? mask | (1 << (one & 31)) : mask), 0);
