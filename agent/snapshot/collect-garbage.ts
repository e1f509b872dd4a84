import { HoldfastError } from '../../core/errors.ts';
import { folders, idInKey, keys } from '../../core/snapshot/names.ts';
import type { Bucket, CallOptions } from '../s3/bucket.ts';
import { idsIn } from './list-snapshots.ts';
import { markLive } from './mark-live.ts';
import { uploadOfPin } from './pins.ts';
import { endUpload, isUnfinished, listIntents } from './stale-uploads.ts';

/** An upload whose intent is older counts as dead. Being wrong costs that upload, never data. */
export const defaultAbandonAfterMs = 7 * 24 * 3600_000;
const attemptsMax = 3;

export interface CollectOptions extends CallOptions {
  /** Unix milliseconds. */
  now: () => number;
  /** @default 7 days */
  abandonAfterMs?: number;
  /** Only tells what would be deleted. */
  dryRun?: boolean;
}

export interface CollectResult {
  liveSnapshots: number;
  /** Deleted snapshots whose root went in this run. */
  removedSnapshots: string[];
  /** Deleted snapshots whose data stays because something has pinned them. */
  pinnedSnapshots: string[];
  removedObjects: number;
  freedBytes: number;
  uploadsInFlight: number;
  /** Dead uploads that were given up, and dead ones that lacked their last step alone and got it. */
  abandonedUploads: string[];
  completedUploads: string[];
}

/**
 * Deletes what no snapshot, no pin and no running upload needs. Safe beside uploads, restores, deletions and other
 * collectors, without a lock: objects belong to uploads by name, and the order in which folders are listed does the
 * rest (docs/snapshot-format.md, “Garbage collection”). Throws CORRUPT where a snapshot's manifest cannot be read,
 * for then it is unknown what it needs, and the bucket's errors.
 */
export async function collectGarbage(bucket: Bucket, options: CollectOptions): Promise<CollectResult> {
  const ended = options.dryRun ? { abandoned: [], completed: [] } : await endStaleUploads(bucket, options);
  for (let attempt = 1; ; attempt += 1) {
    const found = await survey(bucket, options);
    const marked = await markLive(bucket, found.liveIds, options);
    if (marked === 'changed') {
      if (attempt < attemptsMax) continue;
      throw new HoldfastError('BUSY', `${bucket.url}: snapshots were deleted while garbage was looked for`, {
        hint: 'another collector is at work; run this one later',
      });
    }
    const isGarbage = ({ key }: { key: string }) =>
      !marked.has(key) && !found.inFlight.has(idInKey(key, folderOf(key)) ?? '');
    const garbage = found.candidates.filter(isGarbage);
    if (!options.dryRun) {
      await bucket.delete(found.deadIds.map(keys.root), options);
      await bucket.delete([...found.stalePins, ...garbage.map(({ key }) => key)], options);
    }
    return {
      liveSnapshots: found.liveIds.length,
      removedSnapshots: found.deadIds,
      pinnedSnapshots: found.pinnedIds,
      removedObjects: garbage.length,
      freedBytes: garbage.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      uploadsInFlight: found.inFlight.size,
      abandonedUploads: ended.abandoned,
      completedUploads: ended.completed,
    };
  }
}

async function endStaleUploads(bucket: Bucket, options: CollectOptions) {
  const ended: Record<'abandoned' | 'completed', string[]> = { abandoned: [], completed: [] };
  const before = options.now() - (options.abandonAfterMs ?? defaultAbandonAfterMs);
  for (const intent of await listIntents(bucket, options))
    if (isUnfinished(intent) && intent.modifiedAtMs <= before)
      ended[await endUpload(bucket, intent.snapshotId, options)].push(intent.snapshotId);
  return ended;
}

/** What there is. The order of the steps matters; each says why. */
async function survey(bucket: Bucket, options: CallOptions) {
  // Before the intents: an object that is here already has its upload's intent there, or the upload has ended.
  const candidates = await objectsIn(bucket, [folders.packs, folders.pages, folders.hot], options);
  // Twice, first here: a root that another collector deletes between the two listings is still known, and its
  // absence when it is read tells that the world has changed.
  const rootsBefore = await idsIn(bucket, folders.snapshots, options);
  // Before the pins: who pins after this sees the tombstone and backs off.
  const tombstones = new Set(await idsIn(bucket, folders.tombstones, options));
  // Before the intents: the pin of an upload that has no intent then is a leftover, the upload's root is there.
  const pins = (await objectsIn(bucket, [folders.pins], options)).map(({ key }) => key);
  const unfinished = (await listIntents(bucket, options)).filter(isUnfinished);
  const inFlight = new Set(
    unfinished.map(({ snapshotId }) => snapshotId).filter((id) => !tombstones.has(id)),
  );
  // After the intents: an upload that has none any more has put its root.
  const roots = new Set([...rootsBefore, ...(await idsIn(bucket, folders.snapshots, options))]);

  const isStale = (key: string): boolean => {
    const upload = uploadOfPin(key.split('/')[2] ?? '');
    return upload !== undefined && !inFlight.has(upload);
  };
  const pinned = new Set(pins.filter((key) => !isStale(key)).map((key) => idInKey(key, folders.pins)));
  const ids = [...roots];
  return {
    candidates: candidates.filter(({ key }) => idInKey(key, folderOf(key)) !== undefined),
    inFlight,
    stalePins: pins.filter(isStale),
    liveIds: ids.filter((id) => !tombstones.has(id) || pinned.has(id)),
    pinnedIds: ids.filter((id) => tombstones.has(id) && pinned.has(id)),
    deadIds: ids.filter((id) => tombstones.has(id) && !pinned.has(id)),
  };
}

async function objectsIn(bucket: Bucket, inFolders: string[], options: CallOptions) {
  const objects: { key: string; sizeBytes: number }[] = [];
  for (const folder of inFolders)
    for await (const { key, sizeBytes } of bucket.list(folder, options)) objects.push({ key, sizeBytes });
  return objects;
}

const folderOf = (key: string): string => key.slice(0, key.indexOf('/') + 1);
