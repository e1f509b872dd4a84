import { seeded } from '../../support/random.ts';

/** Lets everything go on that waits for something resolved, whatever number of awaits it is away. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Who waits for the outside goes on in an order that the seed alone decides. */
export class Turns {
  readonly random: () => number;
  #waiting: (() => void)[] = [];

  constructor(seed: number) {
    this.random = seeded(seed);
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  /** A whole number from 0 to below `count`. */
  below(count: number): number {
    return Math.floor(this.random() * count);
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  /** Resolves when it is the caller's turn. */
  turn(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Gives turns until nobody waits, or as many as are said. */
  async run(turnsMax = Infinity): Promise<void> {
    await settled();
    for (let turns = 0; this.#waiting.length > 0 && turns < turnsMax; turns++) {
      const [next] = this.#waiting.splice(this.below(this.#waiting.length), 1);
      next!();
      await settled();
    }
  }
}
