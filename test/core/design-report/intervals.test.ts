import {
  clusteredRate,
  discoveryThreshold,
  gammaQuantile,
  studentQuantile,
  type Cluster,
} from '../../../core/design-report/intervals.ts';
import { Chance } from '../../simulation/fleet/chance.ts';

test('the gamma distribution’s quantiles are Garwood’s bounds of a count', () => {
  expect(gammaQuantile(1, 0.975)).toBeCloseTo(3.6889, 3);
  expect(gammaQuantile(10, 0.025)).toBeCloseTo(4.7954, 3);
  expect(gammaQuantile(11, 0.975)).toBeCloseTo(18.3904, 3);
  expect(gammaQuantile(1_000, 0.025)).toBeCloseTo(938.97, 0);
});

test('Student’s factor is that of the tables', () => {
  expect(studentQuantile(5)).toBeCloseTo(2.571, 1);
  expect(studentQuantile(30)).toBeCloseTo(2.042, 3);
  expect(studentQuantile(1e9)).toBeCloseTo(1.96, 3);
});

test('independent onsets have Garwood’s interval, and a customer’s that come together have a wider one', () => {
  const ones = (hit: number): Cluster[] =>
    Array.from({ length: 1_000 }, (_, i) => ({ days: 100, onsets: i < hit ? 1 : 0 }));
  const alone = clusteredRate(ones(10));
  expect(alone.low * 100_000).toBeCloseTo(4.79, 0);
  expect(alone.high * 100_000).toBeCloseTo(18.4, 0);
  const together = clusteredRate([...ones(0).slice(1), { days: 100, onsets: 10 }]);
  expect(together.value).toBe(alone.value);
  expect(together.high / together.low).toBeGreaterThan(20 * (alone.high / alone.low));
  expect(clusteredRate(ones(0))).toMatchObject({ value: 0, low: 0 });
  expect(clusteredRate(ones(0)).high).toBeGreaterThan(3 / 100_000);
});

test.each([
  { customers: 40, rate: 0.003, frailty: 0.5, outage: 0 },
  { customers: 12, rate: 0.006, frailty: 0.8, outage: 0.002 },
  { customers: 150, rate: 0.001, frailty: 0.8, outage: 0.001 },
])('of intervals of rates at least 93 in 100 hold the truth: %j', ({ customers, rate, frailty, outage }) => {
  const chance = new Chance(7, `rates ${customers}`);
  const runs = 500;
  let held = 0;
  for (let run = 0; run < runs; run++) {
    const clusters = Array.from({ length: customers }, () => {
      const gateways = chance.pareto(1.2, 200);
      const factor = Math.exp(frailty * chance.normal() - frailty ** 2 / 2);
      const days = 30 * gateways;
      let onsets = chance.poisson(rate * factor * days);
      // An outage of a day takes two thirds of a customer’s gateways at once.
      for (let day = 0; day < 30; day++) if (chance.is(outage)) onsets += Math.round((2 * gateways) / 3);
      return { days, onsets: Math.min(days, onsets) };
    });
    const { low, high } = clusteredRate(clusters);
    const truth = rate + (outage * 2) / 3;
    if (low <= truth && truth <= high) held += 1;
  }
  expect(held / runs).toBeGreaterThanOrEqual(0.93);
});

test('with many tests at once, p-values are significant as Benjamini and Hochberg say', () => {
  const pValues = [0.6, 0.001, 0.008, 0.039, 0.041, 0.042];
  expect(discoveryThreshold(pValues, 10, 0.05)).toBeCloseTo(0.01);
  expect(discoveryThreshold(pValues, 1_000, 0.05)).toBe(0);
  expect(discoveryThreshold([], 0, 0.05)).toBe(0);
});
