/** Promises by key, at most `countMax` of them; the longest unused goes first. What fails is not kept. */
export class BoundedCache<T> {
  readonly #entries = new Map<string, Promise<T>>();
  readonly #countMax: number;

  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  forget(key: string): void {
    this.#entries.delete(key);
  }

  /** Callers of one key at the same time share one `make`. */
  get(key: string, make: () => Promise<T>): Promise<T> {
    const found = this.#entries.get(key);
    const promise = found ?? make();
    this.#entries.delete(key);
    this.#entries.set(key, promise);
    if (found === undefined) {
      promise.catch(() => this.#entries.get(key) === promise && this.#entries.delete(key));
      for (const oldest of this.#entries.keys()) {
        if (this.#entries.size <= this.#countMax) break;
        this.#entries.delete(oldest);
      }
    }
    return promise;
  }
}
