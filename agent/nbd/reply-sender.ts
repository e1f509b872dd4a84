import type { Duplex } from 'node:stream';
import type { BufferPool } from './buffer-pool.ts';

/** The replies of one connection, on their way to its socket. */
export class ReplySender {
  readonly #socket: Duplex;
  readonly #buffers: BufferPool;
  #corked = false;

  constructor(socket: Duplex, buffers: BufferPool) {
    this.#socket = socket;
    this.#buffers = buffers;
  }

  /** What the kernel has not taken yet. */
  get unsentBytes(): number {
    return this.#socket.writableLength;
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
      if (!error) this.#buffers.give(buffer);
    });
  }
}
