import type { Duplex } from 'node:stream';
import type { BufferPool } from './buffer-pool.ts';

/** As many small replies as a client usually waits for; what a Unix socket takes at once is a little less. */
const batchBytes = 256 * 1024;

/** The replies of one connection, on their way to its socket. */
export class ReplySender {
  readonly #socket: Duplex;
  readonly #buffers: BufferPool;
  /** Replies that wait for `flush`, one behind the other. */
  #batch: Buffer | undefined;
  #batchedBytes = 0;
  #corked = false;

  readonly #onSent: () => void;

  /** `onSent` is called when the kernel has taken something. */
  constructor(socket: Duplex, buffers: BufferPool, onSent: () => void) {
    this.#socket = socket;
    this.#buffers = buffers;
    this.#onSent = onSent;
  }

  /** What the kernel has not taken yet. */
  get unsentBytes(): number {
    return this.#socket.writableLength + this.#batchedBytes;
  }

  /** Where the next reply can be made; `add` then makes it one of the batch. */
  place(lengthBytes: number): Buffer {
    if (this.#batch && this.#batch.length - this.#batchedBytes < lengthBytes) this.flush();
    if (this.#batch && this.#batch.length < lengthBytes) {
      this.#buffers.give(this.#batch);
      this.#batch = undefined;
    }
    this.#batch ??= this.#buffers.take(Math.max(batchBytes, lengthBytes));
    return this.#batch.subarray(this.#batchedBytes, this.#batchedBytes + lengthBytes);
  }

  /** The last place holds a reply, of that many bytes. */
  add(lengthBytes: number): void {
    this.#batchedBytes += lengthBytes;
  }

  /** Sends the batch, in one system call. */
  flush(): void {
    const batch = this.#batch;
    if (!batch || this.#batchedBytes === 0) return;
    const bytes = batch.subarray(0, this.#batchedBytes);
    this.#batchedBytes = 0;
    if (!this.#socket.writable) return;
    let isKept = false;
    this.#socket.write(bytes, (error) => {
      if (error) return;
      if (!isKept) this.#buffers.give(batch);
      this.#onSent();
    });
    // Mostly the kernel has taken all of it by now.
    isKept = this.#socket.writableLength === 0 && batch.length < 2 * batchBytes;
    if (!isKept) this.#batch = undefined;
  }

  /**
   * Takes the buffers over, and gives them to the pool once they are sent. With `more` replies about to come, all of
   * one turn leave in one system call; the last one goes out now.
   */
  send(buffers: readonly Buffer[], more: boolean): void {
    const socket = this.#socket;
    if (!socket.writable) return;
    if (more && !this.#corked) {
      this.#corked = true;
      socket.cork();
      setImmediate(this.#uncork);
    }
    for (const buffer of buffers) this.#write(buffer);
    if (!more && this.#corked) socket.uncork(); // the immediate's uncork then does nothing
  }

  readonly #uncork = (): void => {
    this.#corked = false;
    this.#socket.uncork();
  };

  /** A write that failed may still be with the kernel: its buffer is not used again. */
  #write(buffer: Buffer): void {
    this.#socket.write(buffer, (error) => {
      if (error) return;
      this.#buffers.give(buffer);
      this.#onSent();
    });
  }
}
