import { HoldfastError } from '../../core/errors.ts';
import { folders, idInKey, snapshotIdTimeMs } from '../../core/snapshot/names.ts';
import type { Bucket, CallOptions } from '../s3/bucket.ts';
import { inOrder } from './in-order.ts';
import { readRoot } from './open-snapshot.ts';

const rootsInFlightMax = 8;

export type ListedSnapshot = {
  snapshotId: string;
  /** Unix milliseconds of the point in time. */
  createdAtMs: number;
} & (
  | {
      volumeId: string;
      parentId: string | undefined;
      sizeBytes: number;
      chunkBytes: number;
      chunkCount: number;
      /** Stored bytes that this snapshot's upload added; not what it would free. */
      uploadedBytes: number;
      newChunks: number;
      damage?: undefined;
    }
  /** The root object cannot be read: what is wrong with it. */
  | { damage: string }
);

/**
 * The snapshots of a repository, oldest first; deleted ones and unfinished uploads are none of them. An upload that
 * went on has the id of its beginning and the point in time of its end, so ids alone do not tell.
 */
export async function listSnapshots(bucket: Bucket, options: CallOptions = {}): Promise<ListedSnapshot[]> {
  const all: ListedSnapshot[] = [];
  for await (const snapshot of snapshotsById(bucket, options)) all.push(snapshot);
  return all.sort((a, b) => a.createdAtMs - b.createdAtMs);
}

async function* snapshotsById(bucket: Bucket, options: CallOptions): AsyncGenerator<ListedSnapshot> {
  const ids = await idsIn(bucket, folders.snapshots, options);
  const deleted = new Set(await idsIn(bucket, folders.tombstones, options));
  const listed = ids.filter((id) => !deleted.has(id));
  for await (const snapshot of inOrder(listed, rootsInFlightMax, (id) => describe(bucket, id, options)))
    if (snapshot !== undefined) yield snapshot;
}

/** Snapshot ids that have an object in `folder`, in order. Keys of another shape are left alone. */
export async function idsIn(bucket: Bucket, folder: string, options?: CallOptions): Promise<string[]> {
  const ids = new Set<string>();
  for await (const { key } of bucket.list(folder, options)) {
    const id = idInKey(key, folder);
    if (id !== undefined) ids.add(id);
  }
  return [...ids];
}

async function describe(
  bucket: Bucket,
  snapshotId: string,
  options: CallOptions,
): Promise<ListedSnapshot | undefined> {
  try {
    const root = await readRoot(bucket, snapshotId, options);
    const { createdAtMs, volumeId, parentId, sizeBytes, chunkBytes, uploadedBytes, newChunkCount } = root;
    const { chunkCount } = root.geometry;
    const sizes = { sizeBytes, chunkBytes, chunkCount, uploadedBytes, newChunks: newChunkCount };
    return { snapshotId, createdAtMs, volumeId, parentId, ...sizes };
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    if (error.code === 'NOT_FOUND') return undefined;
    if (error.code !== 'CORRUPT' && error.code !== 'UNSUPPORTED') throw error;
    return { snapshotId, createdAtMs: snapshotIdTimeMs(snapshotId), damage: error.message };
  }
}
