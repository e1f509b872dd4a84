import type { MemoryBucket } from '../../support/memory-bucket.ts';

/**
 * Which of a few keys are in a bucket, as the bits of a number. What an object holds follows from its key: names are
 * drawn from seeds, and every object is written once.
 */
export class KeySet {
  readonly keys: string[] = [];
  readonly bodies = new Map<string, Uint8Array>();
  readonly #bits = new Map<string, number>();
  readonly #prefixes = new Map<string, { mask: number; keyCount: number }>();

  /** The bit of a key, a new one where it has none yet. */
  bit(key: string): number {
    const known = this.#bits.get(key);
    if (known !== undefined) return known;
    if (this.keys.length === 31) throw new Error('more than 31 keys: take fewer programs');
    const bit = 1 << this.keys.length;
    this.keys.push(key);
    this.#bits.set(key, bit);
    return bit;
  }

  /** The bits of all keys that start so, of those that are known by now. */
  under(prefix: string): number {
    const known = this.#prefixes.get(prefix);
    if (known?.keyCount === this.keys.length) return known.mask;
    let mask = 0;
    for (const key of this.keys) if (key.startsWith(prefix)) mask |= this.bit(key);
    this.#prefixes.set(prefix, { mask, keyCount: this.keys.length });
    return mask;
  }

  /** In order, as a listing has them. */
  keysIn(mask: number): string[] {
    return this.keys.filter((key) => mask & this.bit(key)).sort();
  }

  /** Throws where another body was known for the key. */
  learn(key: string, body: Uint8Array): void {
    const known = this.bodies.get(key);
    if (known && Buffer.compare(known, body) !== 0) throw new Error(`${key} is written with two bodies`);
    this.bodies.set(key, new Uint8Array(body));
    this.bit(key);
  }

  maskOf(bucket: MemoryBucket): number {
    let mask = 0;
    for (const [key, body] of bucket.objects) {
      this.learn(key, body);
      mask |= this.bit(key);
    }
    return mask;
  }
}
