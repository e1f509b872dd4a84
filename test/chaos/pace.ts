/**
 * Time, counted in commands that were sent: what happens between two pulls is then about the same on a slow machine and
 * on a fast one.
 */
export class Pace {
  #count = 0;
  #isOver = false;
  readonly #waiting = new Set<{ at: number; go: () => void }>();

  get count(): number {
    return this.#count;
  }

  step(): void {
    this.#count += 1;
    this.#wake();
  }

  /** Resolves once so many more were sent, or at the end. */
  after(steps: number): Promise<void> {
    if (this.#isOver) return Promise.resolve();
    return new Promise((go) => this.#waiting.add({ at: this.#count + steps, go }));
  }

  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  #wake(): void {
    for (const waiter of this.#waiting) {
      if (!this.#isOver && waiter.at > this.#count) continue;
      this.#waiting.delete(waiter);
      waiter.go();
    }
  }
}
