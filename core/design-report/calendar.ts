import { historyDays, type GatewayPast } from './fleet-history.ts';
import { daysOf, type Switch } from './switches.ts';

/** Gateway-days at risk of one condition, and its onsets, day by day. */
export interface Daily {
  days: Float64Array;
  onsets: Float64Array;
}

/** A day’s rate is that of so many days around it: single days have too few onsets. */
const nearDays = 3;
/** And as if so many onsets at the mean rate had been seen with them. */
const priorOnsets = 3;
/** Gateway-days without the value, in parts of those with it, that make a day comparable. */
const othersMin = 0.25;

const noDays = (): Float64Array => new Float64Array(historyDays);

/** Customers in this many parts, each of which can be left out. */
const foldCount = 20;

/** Of each part of the customers. */
export function dailyFolds(gateways: Iterable<GatewayPast>, condition: number): Daily[] {
  const folds = Array.from({ length: foldCount }, () => ({ days: noDays(), onsets: noDays() }));
  for (const { customer, present, standing, onsets } of gateways) {
    const atRisk = present & ~daysOf(standing, condition);
    const fold = folds[customer % foldCount]!;
    addDays(fold.days, atRisk);
    addDays(fold.onsets, daysOf(onsets, condition) & atRisk);
  }
  return folds;
}

function addDays(counts: Float64Array, mask: number): void {
  for (let left = mask; left !== 0; left &= left - 1) counts[31 - Math.clz32(left & -left)]! += 1;
}

/** Gateway-days of those who changed, with the value; of each part of the customers. */
export function carriedFolds(switches: readonly Switch[], condition: number): Float64Array[] {
  const folds = Array.from({ length: foldCount }, noDays);
  for (const { past, carried } of switches)
    addDays(folds[past.customer % foldCount]!, carried & ~daysOf(past.standing, condition));
  return folds;
}

/** All parts together, but for one. */
export const joined = (folds: readonly Daily[], without?: number): Daily => ({
  days: joinedDays(
    folds.map(({ days }) => days),
    without,
  ),
  onsets: joinedDays(
    folds.map(({ onsets }) => onsets),
    without,
  ),
});

export function joinedDays(folds: readonly Float64Array[], without?: number): Float64Array {
  const all = noDays();
  folds.forEach((fold, i) => {
    if (i !== without) fold.forEach((n, day) => (all[day]! += n));
  });
  return all;
}

/** Each day weighs the same. */
export const evenDays = (): Float64Array => noDays().fill(1);

/** Whether most of the days with the value can be compared with gateways that did not have it on the same days. */
export function isComparable({ days }: Daily, carried: Float64Array): boolean {
  const all = carried.reduce((sum, n) => sum + n, 0);
  const comparable = carried.reduce((sum, n, day) => sum + (days[day]! - n >= othersMin * n ? n : 0), 0);
  return comparable >= all / 2;
}

/** How often the condition began on each day, over the mean, if the value makes it begin `ratio` times as often. */
export function dayWeights({ days, onsets }: Daily, carried: Float64Array, ratio: number): Float64Array {
  const expected = days.map((n, day) => n + (ratio - 1) * carried[day]!);
  const sum = (of: Float64Array) => of.reduce((all, n) => all + n, 0);
  const mean = sum(onsets) / sum(expected);
  if (!(mean > 0)) return evenDays();
  return days.map((_, day) => {
    const [from, to] = [Math.max(0, day - nearDays), day + nearDays + 1];
    const near = (of: Float64Array) => sum(of.subarray(from, to));
    return (near(onsets) + priorOnsets) / (near(expected) * mean + priorOnsets);
  });
}
