const smallestBytes = 64 * 1024;

/**
 * Memory that both threads see, used again and again: what a restore fetches goes through it from the socket to the
 * disk. Fresh buffers would be gigabytes that the garbage collector has to follow, and to hand them over costs more.
 */
export class SharedBuffers {
  readonly #keptMaxBytes: number;
  /** By size, each a power of two. */
  readonly #free = new Map<number, SharedArrayBuffer[]>();
  readonly #taken = new WeakSet<ArrayBufferLike>();
  #keptBytes = 0;

  constructor(keptMaxBytes: number) {
    this.#keptMaxBytes = keptMaxBytes;
  }

  /** So many bytes, of any content. */
  take(lengthBytes: number): Uint8Array {
    const sizeBytes = Math.max(smallestBytes, 2 ** Math.ceil(Math.log2(lengthBytes)));
    let memory = this.#free.get(sizeBytes)?.pop();
    if (memory) this.#keptBytes -= sizeBytes;
    else memory = new SharedArrayBuffer(sizeBytes);
    this.#taken.add(memory);
    return new Uint8Array(memory, 0, lengthBytes);
  }

  /**
   * Takes back what any view of taken memory stands for. Nobody may look at it any more, in any thread: who is not sure
   * of that leaves it to the garbage collector. What was not taken, or was given back before, is ignored.
   */
  give({ buffer }: Uint8Array): void {
    if (!this.#taken.delete(buffer) || this.#keptBytes + buffer.byteLength > this.#keptMaxBytes) return;
    const free = this.#free.get(buffer.byteLength);
    if (free) free.push(buffer as SharedArrayBuffer);
    else this.#free.set(buffer.byteLength, [buffer as SharedArrayBuffer]);
    this.#keptBytes += buffer.byteLength;
  }
}

/**
 * Frees memory now that is nobody else's, where the garbage collector would find it only later. What Node cuts from the
 * memory that small buffers share stays.
 */
export function discard({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength > Buffer.poolSize) buffer.transfer(0);
}
