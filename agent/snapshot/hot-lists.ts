import { HoldfastError } from '../../core/errors.ts';
import {
  decodeHotList,
  encodeHotList,
  hotListBytesMax,
  mergeHotChunks,
} from '../../core/snapshot/hot-list.ts';
import { keys } from '../../core/snapshot/names.ts';
import type { Bucket, CallOptions } from '../s3/bucket.ts';

/** A snapshot of which the list is. */
export interface HotListOwner {
  snapshotId: string;
  chunkCount: number;
}

/**
 * The chunks that clients read first, in order; none where nothing is known. It is advice: nothing rests on it but the
 * order of a restore. Throws CORRUPT, UNSUPPORTED and the bucket's errors.
 */
export async function readHotChunks(
  bucket: Bucket,
  owner: HotListOwner,
  options?: CallOptions,
): Promise<readonly number[]> {
  const key = keys.hot(owner.snapshotId);
  try {
    const bytes = await bucket.get(key, { ...options, maxBytes: hotListBytesMax });
    return decodeHotList(bytes, owner, `snapshot ${owner.snapshotId}: its hot list (${key})`).chunks;
  } catch (thrown) {
    // Who may not list gets FORBIDDEN for what is not there.
    if (thrown instanceof HoldfastError && ['NOT_FOUND', 'FORBIDDEN'].includes(thrown.code)) return [];
    throw thrown;
  }
}

/** As above, and none where the list cannot be used: for whoever makes a new one. */
export function knownHotChunks(
  bucket: Bucket,
  owner: HotListOwner,
  options?: CallOptions,
): Promise<readonly number[]> {
  return readHotChunks(bucket, owner, options).catch((thrown: unknown) => {
    if (thrown instanceof HoldfastError && ['CORRUPT', 'UNSUPPORTED'].includes(thrown.code)) return [];
    throw thrown;
  });
}

export async function writeHotChunks(
  bucket: Bucket,
  { snapshotId, chunkCount }: HotListOwner,
  chunks: readonly number[],
  options?: CallOptions,
): Promise<void> {
  const kept = mergeHotChunks(chunks, [], chunkCount);
  if (kept.length === 0) return;
  await bucket.put(keys.hot(snapshotId), encodeHotList({ snapshotId, chunks: kept }), options);
}

/**
 * What clients read during a restore comes first in the list of its snapshot. Best effort: whoever may only read
 * restores all the same.
 */
export async function learnHotChunks(
  bucket: Bucket,
  owner: HotListOwner,
  chunks: readonly number[],
  options?: CallOptions,
): Promise<void> {
  if (chunks.length === 0) return;
  const known = await knownHotChunks(bucket, owner, options);
  const merged = mergeHotChunks(chunks, known, owner.chunkCount);
  if (merged.length === known.length && merged.every((chunk, i) => chunk === known[i])) return;
  await writeHotChunks(bucket, owner, merged, options);
}
