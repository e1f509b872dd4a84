import { formatLimits } from '../../core/snapshot/geometry.ts';
import type { Bucket } from '../s3/bucket.ts';
import { createSnapshot, type CreateResult, type CreateSnapshotOptions } from './create-snapshot.ts';
import { knownHotChunks } from './hot-lists.ts';
import { openPinned } from './open-pinned.ts';
import type { OpenedSnapshot, OpenSnapshotOptions } from './open-snapshot.ts';
import { unpinSnapshot } from './pins.ts';
import type { SnapshotInput } from './snapshot-input.ts';

/** Chunks on their way at one time: short ranges need many to fill the line. */
const chunksInFlightMax = 32;

export interface CopySnapshotOptions extends Pick<
  CreateSnapshotOptions,
  'parentId' | 'journal' | 'again' | 'onResume' | 'onProgress' | 'signal' | 'now' | 'random'
> {
  from: Bucket;
  snapshotId: string;
  to: Bucket;
  transfers?: OpenSnapshotOptions['transfers'];
  /** The source's credentials may only read: nothing keeps it from being deleted meanwhile. */
  onUnpinned?: () => void;
}

/**
 * Stores a snapshot once more, in another repository: every chunk is verified on the way, and what the parent there has
 * is not stored again. The copy has an id of its own, for what is written under an id is written once; its volume and
 * its point in time are the original's. Throws as `openSnapshot` and `createSnapshot`.
 */
export async function copySnapshot(options: CopySnapshotOptions): Promise<CreateResult> {
  const { from, to, snapshotId, signal, random, transfers, onUnpinned } = options;
  const pinId = `copy-${Buffer.from(random(8)).toString('hex')}`;
  let isPinned = true;
  const noPin = () => {
    isPinned = false;
    onUnpinned?.();
  };
  const original = await openPinned(from, snapshotId, pinId, { transfers, signal, onUnpinned: noPin });
  try {
    const { volumeId, createdAtMs, chunkBytes } = original.root;
    const { parentId, journal, again, onResume, onProgress, now } = options;
    const source = sourceOf(original, signal);
    const told = { onResume, onProgress, signal, now, random };
    const made = { ...told, parentId, journal, again, takenAtMs: createdAtMs, chunksInFlightMax };
    const copy = { ...made, encoder: transfers?.encoder };
    const hotChunks = () => knownHotChunks(from, original, { signal });
    return await createSnapshot({ ...copy, bucket: to, source, volumeId, chunkBytes, hotChunks });
  } finally {
    await original.close();
    // Also after an abort; a pin that stays costs space in the source and nothing else.
    if (isPinned) await unpinSnapshot(from, snapshotId, pinId).catch(() => undefined);
  }
}

function sourceOf(original: OpenedSnapshot, signal: AbortSignal | undefined): SnapshotInput {
  const leafBytes = formatLimits.fanout * original.chunkBytes;
  return {
    sizeBytes: original.sizeBytes,
    readChunk: ({ index }) => original.readChunk(index, { signal, priority: 'background' }),
    async isZero(offsetBytes, lengthBytes) {
      const end = offsetBytes + lengthBytes;
      for (let leaf = Math.floor(offsetBytes / leafBytes); leaf * leafBytes < end; leaf += 1)
        if (await original.leaf(leaf)) return false;
      return true;
    },
  };
}
