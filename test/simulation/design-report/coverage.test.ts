import { releasesOf } from '../../../core/design-report/releases.ts';
import { rollout, type Rollout } from './rollout.ts';

/** How often the interval of before and after has the truth in it, over releases whose effect is known; seeds are fixed. */
const releases = 100;

const intervalOf = (truth: Rollout, seed: number): { middle: number; half: number } | undefined => {
  const found = releasesOf(rollout(truth, seed), 0.05).releases;
  const ratio = found.find(({ value }) => value === '2.0.0')?.effects[0]?.ratio;
  if (!ratio) return undefined;
  const [low, high] = [Math.log(ratio.low), Math.log(ratio.high)];
  return { middle: (low + high) / 2, half: (high - low) / 2 };
};

const usual: Rollout = { customers: 120, base: 0.02, effect: 1, frailty: 0.7 };

test.each<[string, Rollout]>([
  ['a version that does nothing, while all get worse', { ...usual, later: 2 }],
  ['a version that doubles it', { ...usual, effect: 2 }],
  [
    'a version that trebles it, at few customers that differ much',
    { ...usual, customers: 60, effect: 3, frailty: 1 },
  ],
])(
  '%s: the interval at 95 %% has it in nine of ten releases or more, and is not twice as wide as need be',
  (_what, truth) => {
    const intervals = Array.from({ length: releases }, (_, i) => intervalOf(truth, i + 1));
    const coverage = (scale: number): number =>
      intervals.filter((one) => one && Math.abs(Math.log(truth.effect) - one.middle) <= scale * one.half)
        .length / releases;
    expect(coverage(1)).toBeGreaterThanOrEqual(0.92);
    expect(coverage(0.5)).toBeLessThan(0.85);
  },
  180_000,
);
