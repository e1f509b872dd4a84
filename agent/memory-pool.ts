/**
 * Memory that is used again, by its size. Who gives it back says with that that nobody looks at it any more; what was not
 * taken here, or was given back before, is ignored.
 */
export class MemoryPool<Memory extends ArrayBufferLike> {
  readonly #make: (sizeBytes: number) => Memory;
  readonly #keptMaxBytes: number;
  readonly #free = new Map<number, Memory[]>();
  readonly #taken = new WeakSet<ArrayBufferLike>();
  #keptBytes = 0;

  constructor(keptMaxBytes: number, make: (sizeBytes: number) => Memory) {
    this.#keptMaxBytes = keptMaxBytes;
    this.#make = make;
  }

  /** Bytes that wait for the next `take`. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** Just so many bytes, of any content; what was given back last comes first: it may still be in the processor's cache. */
  take(sizeBytes: number): Memory {
    let memory = this.#free.get(sizeBytes)?.pop();
    if (memory) this.#keptBytes -= sizeBytes;
    else memory = this.#make(sizeBytes);
    this.#taken.add(memory);
    return memory;
  }

  give(memory: ArrayBufferLike): void {
    const sizeBytes = memory.byteLength;
    if (!this.#taken.delete(memory) || this.#keptBytes + sizeBytes > this.#keptMaxBytes) return;
    const free = this.#free.get(sizeBytes);
    if (free) free.push(memory as Memory);
    else this.#free.set(sizeBytes, [memory as Memory]);
    this.#keptBytes += sizeBytes;
  }

  /** Lets go of everything that nobody uses. */
  clear(): void {
    this.#free.clear();
    this.#keptBytes = 0;
  }
}
