import { HoldfastError } from '../../core/errors.ts';
import type { ChunkLocation } from '../../core/snapshot/format.ts';
import { keys } from '../../core/snapshot/names.ts';
import type { Bucket, CallOptions } from '../s3/bucket.ts';
import { inlineTransfers, type Transfers } from '../transfer/transfers.ts';
import type { UnpackedChunk } from '../transfer/transfer.ts';
import { corruptHint } from './manifest-reader.ts';

/** A chunk that is stored, and how long its plain bytes are. */
export interface StoredChunk {
  index: number;
  plainBytes: number;
  location: ChunkLocation;
}

/** Plain bytes in memory that is used again from `release` on. */
export interface LentChunk {
  bytes: Uint8Array;
  release: () => void;
}

/** Fetches stored chunks and gives their plain bytes back only where they match the manifest's hash. */
export class ChunkReader {
  readonly #bucket: Bucket;
  readonly #transfers: Transfers;
  readonly #label: string;

  constructor(bucket: Bucket, snapshotId: string, transfers: Transfers = inlineTransfers) {
    this.#bucket = bucket;
    this.#transfers = transfers;
    this.#label = `snapshot ${snapshotId}`;
  }

  async read(chunk: StoredChunk, options?: CallOptions): Promise<Uint8Array> {
    const { offsetBytes, storedBytes } = chunk.location;
    const stored = await this.#range(chunk, offsetBytes, storedBytes, options);
    const [unpacked] = await this.#unpack(stored, [chunk], options);
    return this.#plain(chunk, unpacked);
  }

  /**
   * Chunks whose stored bytes are neighbours in one pack, with one request. Each promise settles for itself, so
   * that a damaged chunk is named and leaves its neighbours readable: where the request as a whole finds damage and the
   * pack is there, each chunk is asked for alone.
   */
  async readRun(run: StoredChunk[], options?: CallOptions): Promise<Promise<LentChunk>[]> {
    const [first, last] = [run[0]!, run.at(-1)!];
    const start = first.location.offsetBytes;
    const lengthBytes = last.location.offsetBytes + last.location.storedBytes - start;
    const key = keys.pack(first.location.pack);
    const { buffers } = this.#transfers;
    const into = buffers.take(lengthBytes);
    const stored = await this.#bucket
      .getRange(key, { offsetBytes: start, lengthBytes }, { ...options, into })
      .catch((error: unknown) => damageOf(error));
    const isMissing = stored instanceof HoldfastError && stored.code === 'NOT_FOUND';
    const unpacked = stored instanceof HoldfastError ? [] : await this.#unpackShared(stored, run, options);
    const chunks = run.map(async (chunk, i) => {
      if (isMissing) throw this.#corrupt(chunk, 'is missing', stored);
      if (stored instanceof HoldfastError)
        return { bytes: await this.read(chunk, options), release: () => undefined };
      const bytes = this.#plain(chunk, unpacked[i]);
      return { bytes, release: () => releaseStored(bytes) };
    });
    // What is stored raw lies where it was fetched to.
    const inPlace = unpacked.filter((one) => 'bytes' in one && one.bytes.buffer === into.buffer);
    let usedTimes = inPlace.length;
    if (usedTimes === 0) buffers.give(into);
    const releaseStored = (bytes: Uint8Array): void => {
      if (bytes.buffer !== into.buffer) buffers.give(bytes);
      else if (--usedTimes === 0) buffers.give(into);
    };
    for (const chunk of chunks) chunk.catch(() => undefined);
    return chunks;
  }

  #unpackShared(stored: Uint8Array, run: StoredChunk[], options?: CallOptions): Promise<UnpackedChunk[]> {
    const { buffers } = this.#transfers;
    return this.#unpack(stored, run, options, ({ plainBytes, location }) =>
      location.algorithm === 'raw' ? undefined : buffers.take(plainBytes),
    );
  }

  #unpack(
    stored: Uint8Array,
    run: StoredChunk[],
    options?: CallOptions,
    place?: (chunk: StoredChunk) => Uint8Array | undefined,
  ): Promise<UnpackedChunk[]> {
    const start = run[0]?.location.offsetBytes ?? 0;
    const packed = run
      .map((chunk) => ({ chunk, into: place?.(chunk) }))
      .map(({ chunk: { plainBytes, location }, into }) => ({
        offsetBytes: location.offsetBytes - start,
        storedBytes: location.storedBytes,
        plainBytes,
        algorithm: location.algorithm,
        // A copy: the page that it lies in is not to go along to another thread.
        hash: Uint8Array.from(location.hash),
        ...(into && { into }),
      }));
    return this.#transfers[options?.priority ?? 'demand'].unpack(stored, packed);
  }

  #range(chunk: StoredChunk, offsetBytes: number, lengthBytes: number, options?: CallOptions) {
    return this.#bucket
      .getRange(keys.pack(chunk.location.pack), { offsetBytes, lengthBytes }, options)
      .catch((error: unknown) => {
        const damage = damageOf(error);
        throw this.#corrupt(chunk, damage.code === 'CORRUPT' ? 'ends too early' : 'is missing', damage);
      });
  }

  #plain(chunk: StoredChunk, unpacked: UnpackedChunk | undefined): Uint8Array {
    if (unpacked && 'bytes' in unpacked) return unpacked.bytes;
    throw this.#corrupt(chunk, unpacked?.fault ?? 'was not unpacked');
  }

  #corrupt = (chunk: StoredChunk, why: string, cause?: unknown): HoldfastError =>
    new HoldfastError('CORRUPT', this.#message(chunk, why), { hint: corruptHint, cause });

  #message({ index, location }: StoredChunk, why: string): string {
    const { pack, offsetBytes, storedBytes } = location;
    return `${this.#label}: chunk ${index} (${keys.pack(pack)}, ${storedBytes} bytes at ${offsetBytes}) ${why}`;
  }
}

/** CORRUPT (the pack ends too early) or NOT_FOUND; throws what says nothing about the pack. */
function damageOf(error: unknown): HoldfastError {
  if (error instanceof HoldfastError && ['CORRUPT', 'NOT_FOUND'].includes(error.code)) return error;
  throw error;
}
