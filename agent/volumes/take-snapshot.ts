import { randomBytes } from 'node:crypto';
import { defaultChunkBytes } from '../../core/snapshot/geometry.ts';
import type { SnapshotProgress, SnapshotResult } from '../ports.ts';
import type { Bucket } from '../s3/bucket.ts';
import { createSnapshot } from '../snapshot/create-snapshot.ts';
import { mergeHotChunks } from '../../core/snapshot/hot-list.ts';
import type { FirstReads } from '../restore/first-reads.ts';
import { knownHotChunks } from '../snapshot/hot-lists.ts';
import type { ChangedGrains } from './changed-grains.ts';
import { PointInTime } from './point-in-time.ts';
import { isParentGone } from './snapshot-access.ts';
import type { ChunkEncoder } from '../snapshot/chunk-encoder.ts';
import type { UploadJournal } from '../snapshot/upload-journal.ts';
import type { TrackedDevice } from './tracked-device.ts';
import type { VolumeRecord } from './volume-record.ts';

export interface TakeSnapshotParams {
  volumeId: string;
  tracked: TrackedDevice;
  read: (into: Uint8Array, offsetBytes: number) => Promise<void>;
  parent: VolumeRecord['lastSnapshot'];
  firstReads: FirstReads;
  bucket: Bucket;
  encoder?: ChunkEncoder | undefined;
  /** Remembers what has arrived of a snapshot that fails; the next one, of a later moment, takes it over. */
  journal?: UploadJournal | undefined;
  now: () => number;
  signal?: AbortSignal;
  onProgress: (progress: SnapshotProgress) => void;
}

/**
 * One snapshot of a volume that is being served. Only what changed since the parent is read where that is known;
 * otherwise everything is read and compared. Where the parent is gone, everything is uploaded.
 */
export async function takeSnapshot(
  p: TakeSnapshotParams,
): Promise<{ result: SnapshotResult; lastSnapshot: NonNullable<VolumeRecord['lastSnapshot']> }> {
  try {
    return await attempt(p, p.parent);
  } catch (thrown) {
    if (!p.parent || !isParentGone(thrown)) throw thrown;
    return attempt(p, undefined);
  }
}

async function attempt(p: TakeSnapshotParams, parent: VolumeRecord['lastSnapshot']) {
  const { tracked } = p;
  const chunkBytes = parent?.chunkBytes ?? defaultChunkBytes;
  const isChanged = (changed: ChangedGrains | undefined, index: number) =>
    !parent ||
    !changed ||
    (index + 1) * chunkBytes > parent.sizeBytes ||
    changed.has(index * chunkBytes, chunkBytes);
  // Until the moment itself is over, what is asked for counts as changed.
  const before: { changed?: ChangedGrains } = {};
  const source = new PointInTime({
    sizeBytes: tracked.sizeBytes,
    chunkBytes,
    read: p.read,
    isWanted: (index) => isChanged(before.changed, index),
  });
  const changed = (before.changed = await tracked.begin(source));
  const at = p.now();
  try {
    const made = await createSnapshot({
      bucket: p.bucket,
      source,
      volumeId: p.volumeId,
      parentId: parent?.snapshotId,
      chunkBytes,
      encoder: p.encoder,
      journal: p.journal,
      ...(parent && changed && { changed: (index: number) => isChanged(changed, index) }),
      hotChunks: async ({ chunkCount, signal }) => {
        const known = parent && (await knownHotChunks(p.bucket, { ...parent, chunkCount }, { signal }));
        return mergeHotChunks(p.firstReads.chunks(chunkBytes), known ?? [], chunkCount);
      },
      onProgress: p.onProgress,
      signal: p.signal,
      now: p.now,
      random: randomBytes,
    });
    tracked.end();
    const { snapshotId, sizeBytes, uploadedBytes, durationMs } = made;
    return {
      result: { snapshotId, at, sizeBytes, uploadedBytes, incremental: parent !== undefined, durationMs },
      lastSnapshot: { snapshotId, at, sizeBytes, chunkBytes },
    };
  } catch (thrown) {
    tracked.end({ changed });
    throw thrown;
  }
}
