import { HoldfastError } from '../../core/errors.ts';
import type { ChunkLocation } from '../../core/snapshot/format.ts';
import { keys } from '../../core/snapshot/names.ts';
import type { Bucket, CallOptions, RangeOptions } from '../s3/bucket.ts';
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

  /** Who does not call `release` leaves the memory to the garbage collector. */
  read(chunk: StoredChunk, options?: CallOptions): Promise<LentChunk> {
    return twice(async () => {
      const { offsetBytes, storedBytes } = chunk.location;
      const into = this.#transfers.buffers.take(storedBytes);
      const stored = await this.#range(chunk, offsetBytes, storedBytes, { ...options, into });
      return (await this.#lend([chunk], stored, into, options))[0]!;
    });
  }

  /**
   * Chunks whose stored bytes are neighbours in one pack, with one request. Each promise settles for itself, so
   * that a damaged chunk is named and leaves its neighbours readable: where the request as a whole finds damage and the
   * pack is there, each chunk is asked for alone.
   */
  async readRun(run: StoredChunk[], options?: CallOptions): Promise<Promise<LentChunk>[]> {
    const [first, last] = [run[0]!, run.at(-1)!];
    const offsetBytes = first.location.offsetBytes;
    const lengthBytes = last.location.offsetBytes + last.location.storedBytes - offsetBytes;
    const into = this.#transfers.buffers.take(lengthBytes);
    const stored = await this.#bucket
      .getRange(keys.pack(first.location.pack), { offsetBytes, lengthBytes }, { ...options, into })
      .catch((error: unknown) => damageOf(error));
    if (!(stored instanceof HoldfastError)) {
      const lent = await this.#lend(run, stored, into, options);
      return settling(lent.map((one, i) => one.catch(() => this.read(run[i]!, options))));
    }
    const chunks = run.map(async (chunk) => {
      if (stored.code === 'NOT_FOUND') throw this.#corrupt(chunk, 'is missing', stored);
      return this.read(chunk, options);
    });
    return settling(chunks);
  }

  /** Chunks out of what was fetched to `into`, which is used again when none of them lies in it any more. */
  async #lend(
    run: StoredChunk[],
    stored: Uint8Array,
    into: Uint8Array,
    options?: CallOptions,
  ): Promise<Promise<LentChunk>[]> {
    const { buffers } = this.#transfers;
    const unpacked = await this.#unpack(stored, run, options);
    // What is stored raw lies where it was fetched to.
    let usedTimes = unpacked.filter((one) => 'bytes' in one && one.bytes.buffer === into.buffer).length;
    if (usedTimes === 0) buffers.give(into);
    const chunks = run.map(async (chunk, i) => {
      const bytes = this.#plain(chunk, unpacked[i]);
      let isReleased = false;
      const release = (): void => {
        // Twice, and somebody else's bytes would be overwritten.
        if (isReleased) return;
        isReleased = true;
        if (bytes.buffer !== into.buffer) buffers.give(bytes);
        else if (--usedTimes === 0) buffers.give(into);
      };
      return { bytes, release };
    });
    return settling(chunks);
  }

  #unpack(stored: Uint8Array, run: StoredChunk[], options?: CallOptions): Promise<UnpackedChunk[]> {
    const { buffers } = this.#transfers;
    const start = run[0]?.location.offsetBytes ?? 0;
    const packed = run.map(({ plainBytes, location: { offsetBytes, storedBytes, algorithm, hash } }) => ({
      offsetBytes: offsetBytes - start,
      storedBytes,
      plainBytes,
      algorithm,
      // A copy: the page that it lies in is not to go along to another thread.
      hash: Uint8Array.from(hash),
      ...(algorithm === 'zstd' && { into: buffers.take(plainBytes) }),
    }));
    return this.#transfers[options?.priority ?? 'demand'].unpack(stored, packed);
  }

  #range(chunk: StoredChunk, offsetBytes: number, lengthBytes: number, options?: RangeOptions) {
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

/** What comes wrong once may be what is in between; the stored object is wrong each time. */
async function twice<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== 'CORRUPT') throw error;
    return read();
  }
}

/** None is an unhandled rejection, whoever looks at which. */
function settling<T>(all: Promise<T>[]): Promise<T>[] {
  for (const one of all) one.catch(() => undefined);
  return all;
}

/** CORRUPT (the pack ends too early) or NOT_FOUND; throws what says nothing about the pack. */
function damageOf(error: unknown): HoldfastError {
  if (error instanceof HoldfastError && ['CORRUPT', 'NOT_FOUND'].includes(error.code)) return error;
  throw error;
}
