import { MemoryPool } from '../memory-pool.ts';

/** Smaller ones are cut from a buffer that many share. */
const pooledMinBytes = Buffer.poolSize >>> 1;
/** What a class has beyond its power of two: room for a reply's header in front of a round number of bytes. */
const headerRoomBytes = 4096;

/**
 * Buffers that are used again. Every new one would count as garbage to come, so that V8 collects far too often, and
 * the kernel has to find and zero its pages.
 */
export class BufferPool {
  readonly #pool: MemoryPool<ArrayBuffer>;

  constructor(keptMaxBytes: number) {
    this.#pool = new MemoryPool(keptMaxBytes, (bytes) => Buffer.allocUnsafeSlow(bytes).buffer);
  }

  get keptBytes(): number {
    return this.#pool.keptBytes;
  }

  /** At least so many bytes, of any content. */
  take(lengthBytes: number): Buffer {
    if (lengthBytes < pooledMinBytes) return Buffer.allocUnsafe(lengthBytes);
    return Buffer.from(this.#pool.take(classOf(lengthBytes)));
  }

  /**
   * Takes back what any view of a taken buffer stands for. Nobody may look at it any more; who is not sure of that
   * leaves it to the garbage collector.
   */
  give({ buffer }: Buffer): void {
    this.#pool.give(buffer);
  }

  clear(): void {
    this.#pool.clear();
  }
}

function classOf(lengthBytes: number): number {
  return 2 ** Math.ceil(Math.log2(lengthBytes - headerRoomBytes)) + headerRoomBytes;
}
