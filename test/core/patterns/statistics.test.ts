import {
  logBinomialTail,
  logFalsePerDay,
  logGamma,
  logPoisson,
  logPoissonTail,
  poissonUpperBound,
} from '../../../core/patterns/statistics.ts';

const dayMs = 24 * 3_600_000;

test('ln Γ is that of the factorials', () => {
  expect(logGamma(1)).toBeCloseTo(0, 12);
  expect(logGamma(6)).toBeCloseTo(Math.log(120), 12);
  expect(logGamma(0.5)).toBeCloseTo(Math.log(Math.sqrt(Math.PI)), 12);
});

test('a Poisson tail is what one gets by hand', () => {
  // P(N ≥ 3) with mean 1: 1 − e⁻¹(1 + 1 + ½).
  expect(Math.exp(logPoissonTail(3, 1))).toBeCloseTo(1 - 2.5 / Math.E, 12);
  // P(N ≥ 1) with mean 5: below the mean.
  expect(Math.exp(logPoissonTail(1, 5))).toBeCloseTo(1 - Math.exp(-5), 12);
  expect(logPoissonTail(0, 5)).toBe(0);
  expect(logPoissonTail(1, 0)).toBe(-Infinity);
});

// Reference values of SciPy’s poisson.logsf and binom.logsf.
test.each([
  [13, 1.26, -20.714036470301558],
  [1200, 1000, -21.481654963403034],
  [900, 1000, -0.0006227916787586114],
])('ln P(N ≥ %d) with mean %d is %d', (k, mean, expected) => {
  expect(logPoissonTail(k, mean)).toBeCloseTo(expected, 9);
});

test('a Poisson tail far below the smallest double keeps its digits', () => {
  // One term outweighs the rest: within 1/(1 − mean/k) of it.
  const tail = logPoissonTail(100_000, 100);
  expect(tail).toBeLessThan(-500_000);
  expect(tail - logPoisson(100_000, 100)).toBeCloseTo(-Math.log1p(-100 / 100_001), 6);
});

test('a tail falls with each further event, and rises with the mean', () => {
  for (const mean of [0.01, 1, 30, 5000])
    for (let k = 1; k < 3 * mean + 20; k += 1 + Math.floor(mean / 50)) {
      expect(logPoissonTail(k + 1, mean)).toBeLessThanOrEqual(logPoissonTail(k, mean));
      expect(logPoissonTail(k, mean * 1.01)).toBeGreaterThanOrEqual(logPoissonTail(k, mean));
    }
});

test('a binomial tail is what one gets by hand', () => {
  expect(Math.exp(logBinomialTail(2, 2, 0.25))).toBeCloseTo(1 / 16, 12);
  expect(Math.exp(logBinomialTail(1, 3, 0.5))).toBeCloseTo(7 / 8, 12);
  expect(logBinomialTail(15, 17, 0.233)).toBeCloseTo(-17.430711530174747, 9);
  expect(logBinomialTail(4, 3, 0.5)).toBe(-Infinity);
});

test('Garwood’s bounds are the quantiles of χ² / 2', () => {
  expect(poissonUpperBound(0)).toBeCloseTo(-Math.log(0.05), 9);
  expect(poissonUpperBound(9)).toBeCloseTo(15.705216422115459, 8);
  expect(poissonUpperBound(99)).toBeCloseTo(116.99713444616246, 7);
  // Approximated from 100 on.
  expect(poissonUpperBound(100)).toBeCloseTo(118.07927278209706, 2);
  expect(poissonUpperBound(100_000)).toBeCloseTo(100521.71888230444, 1);
});

test('looks of a sliding window are not counted as so many tests', () => {
  // 24 h window, a look each minute: by Alm’s rate 1·(13 − 1)·P(N = 13) + P(N ≥ 13), and not 1440 tails.
  const alm = 12 * Math.exp(logPoisson(13, 1)) + Math.exp(logPoissonTail(13, 1));
  expect(Math.exp(logFalsePerDay(13, 1, dayMs, 1440)) / alm).toBeCloseTo(1, 9);
  // With few ticks each is a test of its own.
  expect(logFalsePerDay(13, 1, dayMs, 1)).toBeCloseTo(logPoissonTail(13, 1), 12);
});
