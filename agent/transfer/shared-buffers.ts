import { MemoryPool } from '../memory-pool.ts';

const smallestBytes = 64 * 1024;

/**
 * Memory that both threads see, used again and again: what a restore fetches goes through it from the socket to the
 * disk. Fresh buffers would be gigabytes that the garbage collector has to follow, and to hand them over costs more.
 */
export class SharedBuffers {
  readonly #pool: MemoryPool<SharedArrayBuffer>;

  constructor(keptMaxBytes: number) {
    this.#pool = new MemoryPool(keptMaxBytes, (bytes) => new SharedArrayBuffer(bytes));
  }

  /** So many bytes, of any content. */
  take(lengthBytes: number): Uint8Array {
    const sizeBytes = Math.max(smallestBytes, 2 ** Math.ceil(Math.log2(lengthBytes)));
    return new Uint8Array(this.#pool.take(sizeBytes), 0, lengthBytes);
  }

  /**
   * Takes back what any view of taken memory stands for. Nobody may look at it any more, in any thread: who is not sure
   * of that leaves it to the garbage collector.
   */
  give({ buffer }: Uint8Array): void {
    this.#pool.give(buffer);
  }
}

/**
 * Frees memory now that is nobody else's, where the garbage collector would find it only later. What Node cuts from the
 * memory that small buffers share stays.
 */
export function discard({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength > Buffer.poolSize) buffer.transfer(0);
}
