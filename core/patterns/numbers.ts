/** Unsigned numbers that may grow. */
export class Numbers {
  #items = new Uint32Array(1024);
  length = 0;
  push(item: number): void {
    if (this.length === this.#items.length) {
      const larger = new Uint32Array(2 * this.length);
      larger.set(this.#items);
      this.#items = larger;
    }
    this.#items[this.length++] = item;
  }
  set(index: number, item: number): void {
    this.#items[index] = item;
  }
  at(index: number): number {
    return this.#items[index]!;
  }
  get items(): Uint32Array {
    return this.#items.subarray(0, this.length);
  }
}
