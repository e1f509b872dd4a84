/** Bounds the bytes in flight; waiters are served in order. One request larger than the budget goes alone. */
export class ByteBudget {
  readonly #limitBytes: number;
  #usedBytes = 0;
  readonly #waiting: { bytes: number; go: () => void }[] = [];

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  acquire(bytes: number): Promise<void> {
    if (this.#waiting.length === 0 && this.tryAcquire(bytes)) return Promise.resolve();
    return new Promise((go) => this.#waiting.push({ bytes, go }));
  }

  tryAcquire(bytes: number): boolean {
    if (this.#usedBytes > 0 && this.#usedBytes + bytes > this.#limitBytes) return false;
    this.#usedBytes += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#usedBytes -= bytes;
    for (let next = this.#waiting[0]; next && this.tryAcquire(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift();
      next.go();
    }
  }
}
