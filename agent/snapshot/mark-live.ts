import { HoldfastError } from '../../core/errors.ts';
import { keys } from '../../core/snapshot/names.ts';
import type { Bucket, CallOptions } from '../s3/bucket.ts';
import { inOrder } from './in-order.ts';
import { ManifestReader } from './manifest-reader.ts';
import { readRoot, type ReadRoot } from './open-snapshot.ts';

const pagesInFlightMax = 8;

/**
 * Keys of all pages and packs that the snapshots refer to, and of their hot lists. A page that several snapshots share is read once.
 * 'changed' where a root has gone meanwhile: another collector was at work, and what was listed is out of date.
 * Throws CORRUPT where a manifest is damaged.
 */
export async function markLive(
  bucket: Bucket,
  snapshotIds: string[],
  { signal = new AbortController().signal }: CallOptions,
): Promise<Set<string> | 'changed'> {
  const live = new Set<string>();
  for (const snapshotId of snapshotIds) {
    try {
      await markSnapshot(bucket, await readRoot(bucket, snapshotId, { signal }), live, signal);
    } catch (error) {
      if (!(error instanceof HoldfastError) || !['NOT_FOUND', 'CORRUPT'].includes(error.code)) throw error;
      if (!(await bucket.has(keys.root(snapshotId), { signal }))) return 'changed';
      throw new HoldfastError(error.code, `nothing was collected: ${error.message}`, {
        hint: `it is unknown what snapshot ${snapshotId} needs; repair or delete it first`,
        cause: error,
      });
    }
  }
  return live;
}

async function markSnapshot(
  bucket: Bucket,
  root: ReadRoot,
  live: Set<string>,
  signal: AbortSignal,
): Promise<void> {
  live.add(keys.hot(root.snapshotId));
  const manifest = new ManifestReader(bucket, root, { cachePages: pagesInFlightMax, signal });
  const indexes = root.geometry.levels === 2 ? root.refs : [];
  for (const ref of indexes) if (ref) live.add(keys.page(ref.name));
  const leaves = inOrder(newLeaves(manifest, root, live), pagesInFlightMax, (leaf) => manifest.leaf(leaf));
  for await (const entries of leaves)
    for (const entry of entries ?? []) if (entry) live.add(keys.pack(entry.pack));
}

/** Leaves that no snapshot before this one has led to. Marks them. */
async function* newLeaves(
  manifest: ManifestReader,
  root: ReadRoot,
  live: Set<string>,
): AsyncGenerator<number> {
  for (let leafIndex = 0; leafIndex < root.geometry.leafCount; leafIndex += 1) {
    const ref = await manifest.leafRef(leafIndex);
    if (ref === undefined || live.has(keys.page(ref.name))) continue;
    live.add(keys.page(ref.name));
    yield leafIndex;
  }
}
