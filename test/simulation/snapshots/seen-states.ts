/** A set of states, each a list of small numbers, by 64 bits of a hash: two of 10⁸ states collide once in 4,000 searches. */
export class SeenStates {
  #high: Uint32Array;
  #low: Uint32Array;
  size = 0;

  constructor(capacity = 1 << 16) {
    this.#high = new Uint32Array(capacity);
    this.#low = new Uint32Array(capacity);
  }

  /** False where it was there before. */
  add(state: readonly number[]): boolean {
    let high = 0x9e3779b9;
    let low = 0x85ebca6b;
    for (const value of state) {
      high = mix(Math.imul(high ^ value, 0xcc9e2d51));
      low = mix(Math.imul(low ^ value, 0x1b873593) + high);
    }
    // 0, 0 stands for an empty place.
    if (!this.#insert(high >>> 0 || 1, low >>> 0)) return false;
    if (this.size * 2 > this.#high.length) this.#grow();
    return true;
  }

  #insert(high: number, low: number): boolean {
    const last = this.#high.length - 1;
    for (let at = low & last; ; at = (at + 1) & last) {
      if (this.#high[at] === high && this.#low[at] === low) return false;
      if (this.#high[at] !== 0) continue;
      this.#high[at] = high;
      this.#low[at] = low;
      this.size++;
      return true;
    }
  }

  #grow(): void {
    const high = this.#high;
    const low = this.#low;
    this.#high = new Uint32Array(high.length * 2);
    this.#low = new Uint32Array(low.length * 2);
    this.size = 0;
    for (let at = 0; at < high.length; at++) if (high[at] !== 0) this.#insert(high[at]!, low[at]!);
  }
}

function mix(value: number): number {
  let mixed = value;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
