/**
 * Tails and bounds of counts. Tails are natural logarithms: the ones that matter here are 1e-9 to 1e-300, and at large
 * means the plain ones underflow.
 */

/** ln Γ(x) for x > 0; Lanczos’ approximation (g = 7, n = 9), relative error below 1e-13. */
export function logGamma(x: number): number {
  const c = [
    0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
    12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
  ] as const;
  const z = x - 1;
  let sum: number = c[0];
  for (let i = 1; i < c.length; i++) sum += (c[i] ?? 0) / (z + i);
  const t = z + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (z + 0.5) * Math.log(t) - t + Math.log(sum);
}

/** ln P(N = k) of a Poisson count N with mean `mean`. */
export function logPoisson(k: number, mean: number): number {
  if (mean <= 0) return k === 0 ? 0 : -Infinity;
  return k * Math.log(mean) - mean - logGamma(k + 1);
}

/** ln P(N ≥ k) of a Poisson count N with mean `mean`. Summed from the end that is small, so no digits cancel. */
export function logPoissonTail(k: number, mean: number): number {
  if (k <= 0) return 0;
  if (mean <= 0) return -Infinity;
  // Terms fall geometrically beyond the mean on either side.
  if (k > mean) return logPoisson(k, mean) + Math.log(sumOfRatios((i) => mean / (k + i)));
  const below = logPoisson(k - 1, mean) + Math.log(sumOfRatios((i) => (k - i) / mean));
  return Math.log1p(-Math.exp(Math.min(below, -1e-16)));
}

/** ln P(N ≥ k) of a binomial count N of `n` trials with chance `chance`. */
export function logBinomialTail(k: number, n: number, chance: number): number {
  if (k <= 0) return 0;
  if (k > n || chance <= 0) return -Infinity;
  if (chance >= 1) return 0;
  const odds = chance / (1 - chance);
  const at = (j: number): number =>
    logGamma(n + 1) -
    logGamma(j + 1) -
    logGamma(n - j + 1) +
    j * Math.log(chance) +
    (n - j) * Math.log1p(-chance);
  if (k > n * chance)
    return Math.min(0, at(k) + Math.log(sumOfRatios((i) => ((n - k - i + 1) / (k + i)) * odds)));
  const below = at(k - 1) + Math.log(sumOfRatios((i) => (k - i) / (n - k + i + 1) / odds));
  return Math.log1p(-Math.exp(Math.min(below, -1e-16)));
}

/** 1 + r(1) + r(1)·r(2) + …, until a term adds nothing; at most a million terms. */
function sumOfRatios(ratio: (i: number) => number): number {
  let sum = 1;
  let term = 1;
  for (let i = 1; i < 1_000_000; i++) {
    term *= Math.max(0, ratio(i));
    sum += term;
    if (term < sum * 1e-17) break;
  }
  return sum;
}

/** Bounds of means are one-sided, at 95 %; `normalQuantile` is that of the normal distribution. */
const logRest = Math.log(0.05);
const normalQuantile = 1.6448536269514722;
/** From here on the cube of a normal variable (Wilson and Hilferty 1931) is good to 5 digits, and cheap. */
const cubeFrom = 100;

/**
 * The largest mean of a Poisson count that is not refuted by having seen only `k`: P(N ≤ k) = 5 % (Garwood 1936, exact,
 * one-sided). Never 0: for k = 0 it is 3.0.
 */
export function poissonUpperBound(k: number): number {
  if (k >= cubeFrom) return (k + 1) * (1 - 1 / (9 * (k + 1)) + normalQuantile / (3 * Math.sqrt(k + 1))) ** 3;
  return bisect(k, k + 10 + 10 * Math.sqrt(k + 1), (mean) => logLowerTail(k, mean) - logRest);
}

/** ln P(N ≤ k) for a mean that is at least k. */
const logLowerTail = (k: number, mean: number): number =>
  logPoisson(k, mean) + Math.log(sumOfRatios((i) => (k - i + 1) / mean));

/** Where a falling function crosses 0, between `low` and `high`. */
function bisect(low: number, high: number, f: (x: number) => number): number {
  let [from, to] = [low, high];
  for (let i = 0; i < 60 && to - from > 1e-12 * to; i++) {
    const middle = (from + to) / 2;
    if (f(middle) > 0) from = middle;
    else to = middle;
  }
  return (from + to) / 2;
}

const dayMs = 24 * 3_600_000;

/**
 * ln of how many times a day a count of at least `k` is met by chance, when a window of `windowMs` that holds `mean` on
 * average slides over the day and is looked at `ticksPerDay` times. The smaller of two upper estimates: one test a tick,
 * and the rate at which a sliding window comes to hold k events, (day/window)·(k − mean)·P(N = k) (Alm 1983, of the
 * Poisson scan statistic): neighbouring looks share most of their events, so they are not as many tests as looks.
 */
export function logFalsePerDay(k: number, mean: number, windowMs: number, ticksPerDay: number): number {
  const tail = logPoissonTail(k, mean);
  const eachTick = Math.log(ticksPerDay) + tail;
  if (k <= mean || mean <= 0) return eachTick;
  const crossings = Math.exp(Math.log(k - mean) + logPoisson(k, mean) - tail);
  return Math.min(eachTick, Math.log(dayMs / windowMs) + tail + Math.log1p(crossings));
}

/** Of the normal distribution, two-sided, at 95 %. */
export const normal = 1.959964;

/** Wilson's interval for a share, 95 %: it has its coverage also of few and of none. */
export function wilsonInterval(count: number, of: number): [low: number, high: number] {
  if (of <= 0) return [0, 1];
  const z = normal;
  const share = count / of;
  const middle = share + (z * z) / (2 * of);
  const half = z * Math.sqrt((share * (1 - share)) / of + (z * z) / (4 * of * of));
  const scale = 1 + (z * z) / of;
  return [Math.max(0, (middle - half) / scale), Math.min(1, (middle + half) / scale)];
}
