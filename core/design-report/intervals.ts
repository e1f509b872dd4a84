import { logGamma, normal } from '../patterns/statistics.ts';
import type { Rate } from '../patterns/breakdown.ts';

/** What one customer adds: gateway-days, and on how many of them something began. */
export interface Cluster {
  days: number;
  onsets: number;
}

/**
 * Onsets per gateway-day, with an interval that takes customers as drawn and not gateways: Fay and Feuer’s for a sum of
 * independent counts of unequal weight (1997), which is Garwood’s where each customer has one onset at most. The weight that
 * its upper bound allows for is the largest count of one customer: the next one may be as large. The variance is the sum of
 * the squares of the customers’ residuals, each as if it had not been counted itself (large ones pull the rate towards
 * them), at least that of independent onsets, and widened by Student’s factor for as many customers as the gateway-days
 * are really of.
 */
export function clusteredRate(clusters: readonly Cluster[]): Rate {
  const days = sum(clusters, (c) => c.days);
  const onsets = sum(clusters, (c) => c.onsets);
  if (days === 0) return { value: 0, low: 0, high: Infinity };
  const value = onsets / days;
  const scatter = sum(clusters, (c) => {
    const residual = (c.onsets - value * c.days) / Math.max(leastRest, 1 - c.days / days);
    return residual * residual;
  });
  const really = (days * days) / sum(clusters, (c) => c.days * c.days);
  const student = (studentQuantile(really - 1) / normal) ** 2;
  const variance = Math.max(onsets, scatter) * student;
  const most = clusters.reduce((max, c) => Math.max(max, c.onsets), 1);
  const [upper, wider] = [onsets + most, variance + most * most];
  return {
    value,
    low: onsets > 0 ? (gammaQuantile(onsets ** 2 / variance, 0.025) * variance) / onsets / days : 0,
    high: (gammaQuantile(upper ** 2 / wider, 0.975) * wider) / upper / days,
  };
}

/** A customer that has nearly all gateway-days leaves nothing to compare it with. */
export const leastRest = 0.1;

const sum = <T>(of: readonly T[], value: (item: T) => number): number =>
  of.reduce((all, item) => all + value(item), 0);

/** 97.5 % of Student’s distribution; of fewer than 3 degrees as of 3. Error below 1 %. */
export function studentQuantile(degrees: number): number {
  const n = Math.max(3, degrees);
  const [z, z3, z5, z7] = [normal, normal ** 3, normal ** 5, normal ** 7];
  return (
    z +
    (z3 + z) / (4 * n) +
    (5 * z5 + 16 * z3 + 3 * z) / (96 * n ** 2) +
    (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * n ** 3)
  );
}

/** Where the gamma distribution of this shape (scale 1) reaches `share`. */
export function gammaQuantile(shape: number, share: number): number {
  // From here on the cube of a normal variable (Wilson and Hilferty 1931) is good to 5 digits.
  if (shape > 500) {
    const z = share < 0.5 ? -normal : normal;
    return shape * (1 - 1 / (9 * shape) + z / (3 * Math.sqrt(shape))) ** 3;
  }
  let [low, high] = [0, shape + 12 * Math.sqrt(shape + 1) + 12];
  for (let i = 0; i < 80; i++) {
    const middle = (low + high) / 2;
    if (gammaShare(shape, middle) < share) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** P(X ≤ x) of a gamma variable (scale 1), by its series. With a whole shape k also P(N ≥ k) of a Poisson count of mean x. */
export function gammaShare(shape: number, x: number): number {
  if (x <= 0) return 0;
  let term = Math.exp(shape * Math.log(x) - x - logGamma(shape + 1));
  let all = term;
  for (let n = 1; n < 10_000 && term > all * 1e-15; n++) all += term *= x / (shape + n);
  return Math.min(1, all);
}

/** P(Z ≥ z) of a normal variable (Numerical Recipes’ erfcc: relative error below 1.2e-7). */
export function normalTail(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.5 * x);
  const terms = [
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587,
    -0.82215223, 0.17087277,
  ];
  const tail = 0.5 * t * Math.exp(-x * x + terms.reduceRight((all, term) => term + t * all, 0));
  return z >= 0 ? tail : 1 - tail;
}

/**
 * Up to here p-values are significant, when on average at most the share `level` of all significant ones may be so by luck
 * (Benjamini and Hochberg 1995); of `tests` in all, those that are not listed being insignificant. 0: none.
 */
export function discoveryThreshold(pValues: readonly number[], tests: number, level: number): number {
  const sorted = pValues.toSorted((a, b) => a - b);
  const last = sorted.findLastIndex((p, i) => p <= (level * (i + 1)) / tests);
  return (level * (last + 1)) / Math.max(1, tests);
}
