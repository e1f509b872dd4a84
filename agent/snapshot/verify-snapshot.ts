import { HoldfastError } from '../../core/errors.ts';
import { formatLimits } from '../../core/snapshot/geometry.ts';
import type { Bucket } from '../s3/bucket.ts';
import { openSnapshot, type OpenedSnapshot } from './open-snapshot.ts';

/** Damage beyond this is counted but not described. */
const damageListedMax = 1000;

export interface VerifyProgress {
  doneChunks: number;
  totalChunks: number;
  readBytes: number;
  damagedChunks: number;
}

export interface VerifyOptions {
  signal?: AbortSignal;
  onProgress?: (progress: VerifyProgress) => void;
}

export interface VerifyResult {
  snapshotId: string;
  chunkCount: number;
  /** Chunks that are stored; the others are holes. */
  dataChunks: number;
  /** Plain bytes that were read and hashed. */
  readBytes: number;
  damagedChunks: number;
  damage: Damage[];
}

/** Chunks that cannot be restored, and why: the message names the object. */
export interface Damage {
  firstChunk: number;
  chunkCount: number;
  message: string;
}

/**
 * Reads every page and every chunk and compares them with their hashes. Goes on after damage, so that all of it is
 * named. Throws what keeps it from looking: NOT_FOUND, GONE, CORRUPT (the root object), network, permissions.
 */
export async function verifySnapshot(
  bucket: Bucket,
  snapshotId: string,
  options: VerifyOptions = {},
): Promise<VerifyResult> {
  const snapshot = await openSnapshot(bucket, snapshotId, options);
  const check = new Verification(snapshot, options);
  try {
    for (let leafIndex = 0; leafIndex < snapshot.root.geometry.leafCount; leafIndex += 1)
      await check.leaf(leafIndex);
    return check.result;
  } finally {
    await snapshot.close();
  }
}

class Verification {
  readonly result: VerifyResult;
  readonly #snapshot: OpenedSnapshot;
  readonly #options: VerifyOptions;

  constructor(snapshot: OpenedSnapshot, options: VerifyOptions) {
    this.#snapshot = snapshot;
    this.#options = options;
    const { snapshotId, chunkCount } = snapshot;
    this.result = { snapshotId, chunkCount, dataChunks: 0, readBytes: 0, damagedChunks: 0, damage: [] };
  }

  async leaf(leafIndex: number): Promise<void> {
    const start = leafIndex * formatLimits.fanout;
    const end = Math.min(start + formatLimits.fanout, this.#snapshot.chunkCount);
    try {
      const entries = await this.#snapshot.leaf(leafIndex);
      this.result.dataChunks += entries?.filter((entry) => entry !== undefined).length ?? 0;
    } catch (error) {
      this.#record(start, end - start, error);
      return this.#report(end);
    }
    for await (const read of this.#snapshot.readChunks(start, end, this.#options)) {
      if (read.damage) this.#record(read.index, 1, read.damage);
      else this.result.readBytes += read.bytes?.length ?? 0;
      if (!read.damage) read.release?.();
      this.#report(read.index + 1);
    }
  }

  #record(firstChunk: number, chunkCount: number, error: unknown): void {
    this.#options.signal?.throwIfAborted();
    if (!(error instanceof HoldfastError) || !['CORRUPT', 'UNSUPPORTED'].includes(error.code)) throw error;
    this.result.damagedChunks += chunkCount;
    if (this.result.damage.length < damageListedMax)
      this.result.damage.push({ firstChunk, chunkCount, message: error.message });
  }

  #report(doneChunks: number): void {
    const { chunkCount: totalChunks, readBytes, damagedChunks } = this.result;
    this.#options.onProgress?.({ doneChunks, totalChunks, readBytes, damagedChunks });
  }
}
