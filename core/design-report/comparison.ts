import { normal } from '../patterns/statistics.ts';
import { gammaShare, leastRest, normalTail, studentQuantile } from './intervals.ts';
import { periodCount, type Cell } from './fleet-history.ts';

/** Cells in the order of customers, as far as they were at risk of one condition. Columns, because there are many. */
export interface Sample {
  customers: Int32Array;
  periods: Uint8Array;
  /** Gateway-days, and those on which the condition began. */
  days: Float64Array;
  onsets: Float64Array;
}
/** How many times as often as elsewhere, 95 %; `isAtLeast` where it began nowhere else, which counts as once. */
export interface Ratio {
  value: number;
  low: number;
  high: number;
  isAtLeast?: boolean;
}
export interface Comparison {
  ratio: Ratio;
  /** The chance of at least as much more, if there were no difference; 1 where it is not more. */
  pValue: number;
  /** Onsets that could be compared. */
  onsets: { carriers: number; others: number };
}

export function sampleOf(sorted: readonly Cell[], condition: number): Sample {
  return {
    customers: Int32Array.from(sorted, ({ customer }) => customer),
    periods: Uint8Array.from(sorted, ({ period }) => period),
    days: Float64Array.from(sorted, ({ days, standing }) => days - (standing?.get(condition) ?? 0)),
    onsets: Float64Array.from(sorted, ({ onsets }) => onsets?.get(condition) ?? 0),
  };
}

/** Sums over strata: entry 2 s of those without the value in stratum s, entry 2 s + 1 of those with it. */
interface Strata {
  days: Float64Array;
  onsets: Float64Array;
  /** Of each cell; −1: it has nothing to be compared with. */
  of: Int32Array;
  count: number;
}

/**
 * Mantel and Haenszel’s ratio of rates: R / S with R = Σ y₁ e₀ / e and S = Σ y₀ e₁ / e over strata (y onsets, e
 * gateway-days). Its variance is the sum of the squares of what each customer adds to R − ratio × S (with the expected
 * part taken off), at least that of independent onsets (Greenland and Robins 1985). Strata are the parts of the history,
 * and inside of them `groups` of cells (−1: in none). `carries`: 1 where a cell has the value. Undefined where nothing can
 * be compared.
 */
export function compare(sample: Sample, carries: Uint8Array, groups?: Int32Array): Comparison | undefined {
  const strata = strataOf(sample, carries, groups);
  const sums = { worse: 0, seen: 0, independent: 0, carriers: 0, others: 0, withValue: 0, without: 0 };
  for (let s = 0; s < strata.count; s++) {
    const [e0, e1] = [strata.days[2 * s]!, strata.days[2 * s + 1]!];
    const [y0, y1] = [strata.onsets[2 * s]!, strata.onsets[2 * s + 1]!];
    if (e0 === 0 || e1 === 0) continue;
    sums.worse += (y1 * e0) / (e0 + e1);
    sums.seen += (y0 * e1) / (e0 + e1);
    sums.independent += (e0 * e1 * (y0 + y1)) / (e0 + e1) ** 2;
    sums.others += y0;
    sums.carriers += y1;
    sums.without += e0;
    sums.withValue += e1;
  }
  const { worse, seen, independent } = sums;
  if (worse + seen === 0) return undefined;
  const others = seen > 0 ? seen : sums.withValue / (sums.withValue + sums.without);
  const value = worse / others;
  const { squares, student } = scatterAt(sample, carries, strata, value);
  const variance = Math.max(squares / (worse * worse), independent / (worse * others));
  const factor = Math.exp(student * Math.sqrt(variance));
  return {
    ratio: {
      ...(worse > 0 ? { value, low: value / factor, high: value * factor } : noneOf(others)),
      ...(seen > 0 ? {} : { isAtLeast: true }),
    },
    pValue:
      worse > seen ? Math.max(chanceOf(worse - seen, sample, carries, strata), refuted(value, factor)) : 1,
    onsets: { carriers: sums.carriers, others: sums.others },
  };
}

/** The p-value that goes with the interval: the scatter of these customers, where the other one has that of all. */
const refuted = (ratio: number, factor: number): number =>
  normalTail((normal * Math.log(ratio)) / Math.log(factor));

/** It began nowhere with the value: up to 3 onsets are not refuted. */
const noneOf = (others: number): Ratio => ({ value: 0, low: 0, high: 3.7 / others });

function strataOf({ periods, days, onsets }: Sample, carries: Uint8Array, groups?: Int32Array): Strata {
  const of = new Int32Array(days.length);
  let count = periodCount;
  for (let i = 0; i < of.length; i++) {
    const group = groups ? groups[i]! : 0;
    of[i] = group < 0 ? -1 : group * periodCount + periods[i]!;
    if (of[i]! >= count) count = of[i]! + 1;
  }
  const strata = { of, count, days: new Float64Array(2 * count), onsets: new Float64Array(2 * count) };
  for (let i = 0; i < of.length; i++) {
    if (of[i]! < 0) continue;
    const at = 2 * of[i]! + carries[i]!;
    strata.days[at]! += days[i]!;
    strata.onsets[at]! += onsets[i]!;
  }
  for (let i = 0; i < of.length; i++)
    if (of[i]! >= 0 && (strata.days[2 * of[i]!] === 0 || strata.days[2 * of[i]! + 1] === 0)) of[i] = -1;
  return strata;
}

/**
 * Sum of the squares of what customers add, if the ratio is `ratio`, each as if it had not been counted itself; and
 * Student’s factor for as many customers as that sum is really of.
 */
function scatterAt(
  { customers, days, onsets }: Sample,
  carries: Uint8Array,
  strata: Strata,
  ratio: number,
): { squares: number; student: number } {
  const rates = Float64Array.from({ length: strata.count }, (_, s) => {
    const expected = strata.days[2 * s]! + ratio * strata.days[2 * s + 1]!;
    return (strata.onsets[2 * s]! + strata.onsets[2 * s + 1]!) / expected;
  });
  const totals = [0, 0];
  for (let i = 0; i < days.length; i++) if (strata.of[i]! >= 0) totals[carries[i]!]! += days[i]!;
  let [squares, fourths] = [0, 0];
  for (let from = 0, to = 0; from < days.length; from = to) {
    let [worse, seen, withValue, without] = [0, 0, 0, 0];
    for (; to < days.length && customers[to] === customers[from]; to++) {
      const s = strata.of[to]!;
      if (s < 0) continue;
      const all = strata.days[2 * s]! + strata.days[2 * s + 1]!;
      if (carries[to] === 1) {
        worse += ((onsets[to]! - ratio * rates[s]! * days[to]!) * strata.days[2 * s]!) / all;
        withValue += days[to]!;
      } else {
        seen += ((onsets[to]! - rates[s]! * days[to]!) * strata.days[2 * s + 1]!) / all;
        without += days[to]!;
      }
    }
    const added =
      worse / Math.max(leastRest, 1 - withValue / totals[1]!) -
      (ratio * seen) / Math.max(leastRest, 1 - without / totals[0]!);
    squares += added ** 2;
    fourths += added ** 4;
  }
  const really = fourths > 0 ? squares ** 2 / fourths : 1;
  return { squares, student: studentQuantile(really - 1) };
}

/**
 * The chance of at least `excess` more onsets of carriers than expected, if there were no difference. Customers’ counts then
 * scatter by λe + κ(λe)² around their means λe (negative binomial): onsets by themselves, and what a customer’s gateways
 * share, as large as it is seen over all customers (κ by moments). A gamma tail with that mean and variance: exact Poisson
 * where κ is 0.
 */
function chanceOf(
  excess: number,
  { customers, days, onsets }: Sample,
  carries: Uint8Array,
  strata: Strata,
): number {
  let mean = 0;
  const [rates, shares] = [new Float64Array(strata.count), new Float64Array(strata.count)];
  for (let s = 0; s < strata.count; s++) {
    const [e0, e1] = [strata.days[2 * s]!, strata.days[2 * s + 1]!];
    if (e0 === 0 || e1 === 0) continue;
    rates[s] = (strata.onsets[2 * s]! + strata.onsets[2 * s + 1]!) / (e0 + e1);
    shares[s] = e1 / (e0 + e1);
    mean += rates[s]! * e1;
  }
  let [beyond, squares, alone, shared] = [0, 0, 0, 0];
  for (let from = 0, to = 0; from < days.length; from = to) {
    let [seen, expected, lean] = [0, 0, 0];
    for (; to < days.length && customers[to] === customers[from]; to++) {
      const s = strata.of[to]!;
      if (s < 0) continue;
      const own = rates[s]! * days[to]!;
      const weight = carries[to]! - shares[s]!;
      seen += onsets[to]!;
      expected += own;
      alone += own * weight * weight;
      lean += own * weight;
    }
    beyond += (seen - expected) ** 2 - expected;
    squares += expected ** 2;
    shared += lean ** 2;
  }
  const variance = alone + (squares > 0 ? Math.max(0, beyond / squares) * shared : 0);
  const clump = variance / mean;
  return excess <= -mean ? 1 : gammaShare((mean + excess) / clump, mean / clump);
}
