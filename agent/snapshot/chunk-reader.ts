import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';
import { HoldfastError } from '../../core/errors.ts';
import { sha256, type ChunkLocation } from '../../core/snapshot/format.ts';
import { keys } from '../../core/snapshot/names.ts';
import type { Bucket, CallOptions } from '../s3/bucket.ts';
import { corruptHint, missingIsCorrupt } from './manifest-reader.ts';

const decompress = promisify(zstdDecompress);

/** A chunk that is stored, and how long its plain bytes are. */
export interface StoredChunk {
  index: number;
  plainBytes: number;
  location: ChunkLocation;
}

/** Fetches stored chunks and gives their plain bytes back only where they match the manifest's hash. */
export class ChunkReader {
  readonly #bucket: Bucket;
  readonly #label: string;

  constructor(bucket: Bucket, snapshotId: string) {
    this.#bucket = bucket;
    this.#label = `snapshot ${snapshotId}`;
  }

  async read(chunk: StoredChunk, options?: CallOptions): Promise<Uint8Array> {
    const { offsetBytes, storedBytes } = chunk.location;
    return this.#verified(chunk, await this.#range(chunk, offsetBytes, storedBytes, options));
  }

  /**
   * Chunks whose stored bytes are neighbours in one pack, with one request. Each promise settles for itself, so
   * that a damaged chunk is named and leaves its neighbours readable.
   */
  async readRun(run: StoredChunk[], options?: CallOptions): Promise<Promise<Uint8Array>[]> {
    const [first, last] = [run[0]!, run.at(-1)!];
    const start = first.location.offsetBytes;
    const lengthBytes = last.location.offsetBytes + last.location.storedBytes - start;
    const bytes = await this.#range(first, start, lengthBytes, options).catch((error: unknown) => {
      if (error instanceof HoldfastError && error.code === 'CORRUPT' && run.length > 1) return undefined;
      throw error;
    });
    const chunks = run.map((chunk) => {
      if (bytes === undefined) return this.read(chunk, options);
      const from = chunk.location.offsetBytes - start;
      return this.#verified(chunk, bytes.subarray(from, from + chunk.location.storedBytes));
    });
    for (const chunk of chunks) chunk.catch(() => undefined);
    return chunks;
  }

  #range(chunk: StoredChunk, offsetBytes: number, lengthBytes: number, options?: CallOptions) {
    return this.#bucket
      .getRange(keys.pack(chunk.location.pack), { offsetBytes, lengthBytes }, options)
      .catch((error: unknown) => {
        if (error instanceof HoldfastError && error.code === 'CORRUPT')
          throw this.#corrupt(chunk, 'ends too early', error);
        throw missingIsCorrupt(error, this.#message(chunk, 'is missing'));
      });
  }

  async #verified(chunk: StoredChunk, stored: Uint8Array): Promise<Uint8Array> {
    const plain = await this.#plain(chunk, stored);
    if (plain.length !== chunk.plainBytes) throw this.#corrupt(chunk, 'has a wrong length');
    if (Buffer.compare(sha256(plain), chunk.location.hash) !== 0)
      throw this.#corrupt(chunk, 'does not match its hash');
    return plain;
  }

  /** Decompression stops at the chunk's length: a hostile object cannot fill the memory. */
  async #plain(chunk: StoredChunk, stored: Uint8Array): Promise<Uint8Array> {
    if (chunk.location.algorithm === 'raw') return stored;
    const { plainBytes } = chunk;
    try {
      return await decompress(stored, { maxOutputLength: plainBytes, chunkSize: Math.max(plainBytes, 64) });
    } catch (error) {
      throw this.#corrupt(chunk, 'cannot be decompressed', error);
    }
  }

  #corrupt = (chunk: StoredChunk, why: string, cause?: unknown): HoldfastError =>
    new HoldfastError('CORRUPT', this.#message(chunk, why), { hint: corruptHint, cause });

  #message({ index, location }: StoredChunk, why: string): string {
    const { pack, offsetBytes, storedBytes } = location;
    return `${this.#label}: chunk ${index} (${keys.pack(pack)}, ${storedBytes} bytes at ${offsetBytes}) ${why}`;
  }
}
