import type { Comparison } from './comparison.ts';
import { gammaShare, studentQuantile } from './intervals.ts';

/** One gateway’s days on one side of its change. */
export interface Side {
  days: number;
  /** The days as they weigh: by what the same days did to others. */
  weight: number;
  onsets: number;
}
export interface BeforeAfter {
  customer: number;
  before: Side;
  after: Side;
}

/** Sums over gateways; R and S as in `selfControlled`. */
interface Sums {
  worse: number;
  better: number;
  /** Onsets after and before as they would be if the change did nothing. */
  expected: [after: number, before: number];
  /** The variance of R − S if it did nothing and onsets were independent. */
  independent: number;
  /** R and S if each gateway had one onset, on the other side only. */
  one: [worse: number, better: number];
  byCustomer: Map<number, [worse: number, better: number]>;
}

/**
 * Each gateway is its own stratum, so that whatever it is (model, site, customer) is on both sides: Mantel and Haenszel’s
 * ratio R / S with R = Σ yₐ e_b / e and S = Σ y_b eₐ / e. A customer’s gateways count as one: the variance of its logarithm
 * is Σ (R_c − ratio S_c)² / R², at least that of independent onsets. The p-value is two-sided. A side without onsets counts
 * as if it had one. `widen`: variances are so many times as large, for what else is uncertain.
 */
export function selfControlled(
  gateways: readonly BeforeAfter[],
  widen = 1,
): Pick<Comparison, 'ratio' | 'pValue'> & { logVariance: number } {
  const sums = sumsOf(gateways);
  const { worse, better, independent, one, byCustomer } = sums;
  if (worse + better === 0)
    return { ratio: { value: 1, low: 0, high: Infinity }, pValue: 1, logVariance: Infinity };
  const [r, s] = [worse || one[0], better || one[1]];
  const squares = squaresAt(byCustomer, r / s);
  const really = sum(squares) ** 2 / sum(squares.map((square) => square ** 2));
  const variance = Math.max(sum(squares) / (r * r), independent / (r * s));
  const factor = Math.exp(studentQuantile(really - 1) * Math.sqrt(widen * variance));
  return {
    ratio: {
      ...{ value: r / s, low: r / s / factor, high: (r / s) * factor },
      ...(better > 0 ? {} : { isAtLeast: true }),
    },
    pValue: Math.min(1, 2 * chanceOf(sums, widen)),
    logVariance: variance,
  };
}

function sumsOf(gateways: readonly BeforeAfter[]): Sums {
  const sums: Sums = {
    ...{ worse: 0, better: 0, expected: [0, 0], independent: 0, one: [0, 0], byCustomer: new Map() },
  };
  const pairs = gateways.filter(({ before, after }) => before.weight > 0 && after.weight > 0);
  for (const { customer, before, after } of pairs) {
    const [toBefore, toAfter] = [before.weight, after.weight].map((w) => w / (before.weight + after.weight));
    sums.one[0] += toBefore! / pairs.length;
    sums.one[1] += toAfter! / pairs.length;
    const onsets = before.onsets + after.onsets;
    if (onsets === 0) continue;
    const own = sums.byCustomer.get(customer) ?? [0, 0];
    const [r, s] = [after.onsets * toBefore!, before.onsets * toAfter!];
    sums.byCustomer.set(customer, [own[0] + r, own[1] + s]);
    sums.worse += r;
    sums.better += s;
    sums.expected[0] += onsets * toAfter!;
    sums.expected[1] += onsets * toBefore!;
    sums.independent += onsets * toAfter! * toBefore!;
  }
  return sums;
}

const squaresAt = (byCustomer: Sums['byCustomer'], ratio: number): number[] =>
  [...byCustomer.values()].map(([worse, better]) => (worse - ratio * better) ** 2);

const sum = (of: readonly number[]): number => of.reduce((all, n) => all + n, 0);

/** One-sided, of the side that has more than expected: a gamma tail with its mean and the customers’ variance. */
function chanceOf({ worse, better, expected, independent, byCustomer }: Sums, widen: number): number {
  const mean = worse >= better ? expected[0] : expected[1];
  const clump = (widen * Math.max(independent, sum(squaresAt(byCustomer, 1)))) / mean;
  return gammaShare((mean + Math.abs(worse - better)) / clump, mean / clump);
}
