/** Smaller ones are cut from a buffer that many share. */
const pooledMinBytes = Buffer.poolSize >>> 1;
/** What a class has beyond its power of two: room for a reply's header in front of a round number of bytes. */
const headerRoomBytes = 4096;

/**
 * Buffers that are used again. Every new one would count as garbage to come, so that V8 collects far too often, and
 * the kernel has to find and zero its pages.
 *
 * The one given back last is taken first: its bytes may still be in the processor's cache.
 */
export class BufferPool {
  readonly #keptMaxBytes: number;
  /** By size of the class. */
  readonly #free = new Map<number, ArrayBuffer[]>();
  readonly #taken = new WeakSet<ArrayBufferLike>();
  #keptBytes = 0;

  constructor(keptMaxBytes: number) {
    this.#keptMaxBytes = keptMaxBytes;
  }

  /** Bytes that wait for the next `take`. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** At least so many bytes, of any content. */
  take(lengthBytes: number): Buffer {
    if (lengthBytes < pooledMinBytes) return Buffer.allocUnsafe(lengthBytes);
    const classBytes = classOf(lengthBytes);
    let bytes = this.#free.get(classBytes)?.pop();
    if (bytes) this.#keptBytes -= classBytes;
    else bytes = Buffer.allocUnsafeSlow(classBytes).buffer;
    this.#taken.add(bytes);
    return Buffer.from(bytes);
  }

  /**
   * Takes back what any view of a taken buffer stands for. Nobody may look at it any more; who is not sure of that
   * leaves it to the garbage collector. A buffer that was not taken, or was given back before, is ignored.
   */
  give({ buffer }: Buffer): void {
    if (!this.#taken.delete(buffer) || this.#keptBytes + buffer.byteLength > this.#keptMaxBytes) return;
    const free = this.#free.get(buffer.byteLength);
    if (free) free.push(buffer as ArrayBuffer);
    else this.#free.set(buffer.byteLength, [buffer as ArrayBuffer]);
    this.#keptBytes += buffer.byteLength;
  }

  /** Lets go of everything that nobody uses. */
  clear(): void {
    this.#free.clear();
    this.#keptBytes = 0;
  }
}

function classOf(lengthBytes: number): number {
  return 2 ** Math.ceil(Math.log2(lengthBytes - headerRoomBytes)) + headerRoomBytes;
}
