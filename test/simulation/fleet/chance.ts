import { seeded } from '../../support/random.ts';

/** Seeded draws. Each purpose has a stream of its own, so that one more fault leaves the fleet as it was. */
export class Chance {
  readonly next: () => number;

  constructor(seed: number, purpose: string) {
    let mixed = seed >>> 0;
    for (const char of purpose) mixed = Math.imul(mixed ^ char.charCodeAt(0), 0x01000193) >>> 0;
    this.next = seeded(mixed ^ (mixed >>> 15));
    // Neighbouring seeds begin alike.
    for (let i = 0; i < 4; i++) this.next();
  }

  is(probability: number): boolean {
    return probability > 0 && this.next() < probability;
  }

  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  /** Exponentially distributed. */
  exponential(mean: number): number {
    return -Math.log(1 - this.next()) * mean;
  }

  /** Steps of an exponential clock that fit into `mean`: work follows what happens, not the size of the fleet. */
  poisson(mean: number): number {
    if (mean <= 0) return 0;
    let count = 0;
    for (let at = this.exponential(1); at <= mean; at += this.exponential(1)) count++;
    return count;
  }

  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
  }

  /** From 1 to `max`, P(size ≥ k) ~ k^-shape. */
  pareto(shape: number, max: number): number {
    const tail = 1 - this.next() * (1 - (max + 1) ** -shape);
    return Math.min(max, Math.floor(tail ** (-1 / shape)));
  }

  /** An index, by running sums of weights. */
  pick(sums: Float64Array): number {
    const target = this.next() * (sums.at(-1) ?? 0);
    let [low, high] = [0, sums.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! > target) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

export function runningSums(weights: ArrayLike<number>): Float64Array {
  const sums = new Float64Array(weights.length);
  let sum = 0;
  for (let i = 0; i < weights.length; i++) sums[i] = sum += weights[i]!;
  return sums;
}

/**
 * The mean of a Poisson count of hits after which something was hit at least once with `probability`. So hits that
 * fall independently on a population are one independent draw for each of its members, exactly.
 */
export const hitsFor = (probability: number): number => -Math.log1p(-Math.min(probability, 1 - 1e-12));
