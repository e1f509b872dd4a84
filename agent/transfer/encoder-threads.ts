import type { ChunkEntry } from '../../core/snapshot/format.ts';
import {
  encodedChunk,
  inlineEncoder,
  type ChunkEncoder,
  type EncodedChunk,
} from '../snapshot/chunk-encoder.ts';
import type { SharedBuffers } from './shared-buffers.ts';
import type { TransferThread } from './transfer-thread.ts';

/** Hashes and compresses in threads that take turns; where one has died the caller's does its work. */
export class EncoderThreads implements ChunkEncoder {
  readonly #threads: readonly TransferThread[];
  readonly #buffers: SharedBuffers;
  #turn = 0;

  constructor(threads: readonly TransferThread[], buffers: SharedBuffers) {
    this.#threads = threads;
    this.#buffers = buffers;
  }

  take(lengthBytes: number): Uint8Array {
    return this.#buffers.take(lengthBytes);
  }

  give(bytes: Uint8Array): void {
    this.#buffers.give(bytes);
  }

  async encode(plain: Uint8Array, parent: ChunkEntry): Promise<EncodedChunk> {
    const shared = this.#shared(plain);
    const into = this.take(plain.length);
    const encoding = await this.#next()
      .encode(shared, parent?.hash, into)
      .catch(() => undefined);
    // The memory that a thread may have had in hand when it died is left to the garbage collector.
    if (!encoding) return inlineEncoder.encode(shared, parent);
    const chunk = encodedChunk(shared, parent, encoding);
    const used = encoding.kind === 'raw' ? shared : encoding.kind === 'zstd' ? into : undefined;
    for (const memory of [shared, into]) if (memory !== used) this.give(memory);
    return used && chunk.kind === 'new' ? { ...chunk, release: () => this.give(used) } : chunk;
  }

  async sha256(bytes: Uint8Array): Promise<Uint8Array> {
    return this.#next()
      .sha256(this.#shared(bytes))
      .catch(() => inlineEncoder.sha256(bytes));
  }

  #next(): TransferThread {
    this.#turn = (this.#turn + 1) % this.#threads.length;
    return this.#threads[this.#turn]!;
  }

  #shared(bytes: Uint8Array): Uint8Array {
    if (bytes.buffer instanceof SharedArrayBuffer) return bytes;
    const copy = this.take(bytes.length);
    copy.set(bytes);
    return copy;
  }
}
