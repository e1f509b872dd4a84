import { HoldfastError } from '../../core/errors.ts';
import { checkSnapshotId, keys } from '../../core/snapshot/names.ts';
import type { Bucket, CallOptions } from '../s3/bucket.ts';
import { uploadOfPin } from './pins.ts';
import { noSuchSnapshot } from './no-such-snapshot.ts';

/**
 * Deletes a snapshot for good: from now on it is neither listed nor opened, and the next garbage collection frees
 * what nothing else refers to. Deleting it again is no error. A snapshot that a restore or an upload has pinned is
 * refused with BUSY; `force` deletes it all the same, and its data stays until the pins are gone.
 * `wasDeleted`: it had been already. Throws NOT_FOUND, BUSY and the bucket's errors.
 */
export async function deleteSnapshot(
  bucket: Bucket,
  snapshotId: string,
  { force = false, signal }: CallOptions & { force?: boolean } = {},
): Promise<{ pins: string[]; wasDeleted: boolean }> {
  checkSnapshotId(snapshotId);
  const deleted = await bucket.has(keys.tombstone(snapshotId), { signal });
  if (!deleted && !(await bucket.has(keys.root(snapshotId), { signal })))
    throw noSuchSnapshot(snapshotId, bucket.url);
  const pins = await pinsOf(bucket, snapshotId, { signal });
  if (pins.length > 0 && !deleted && !force)
    throw new HoldfastError('BUSY', `snapshot ${snapshotId} is in use by ${pins.join(', ')}`, {
      hint: 'wait until that is done, or delete it with --force: its data then stays until they are done',
    });
  if (!deleted) await bucket.put(keys.tombstone(snapshotId), new Uint8Array(0), { signal });
  return { pins, wasDeleted: deleted };
}

/** Ids of the pins that still count: an upload's pin does not once the upload has ended. */
async function pinsOf(bucket: Bucket, snapshotId: string, options: CallOptions): Promise<string[]> {
  const pins: string[] = [];
  const folder = keys.pins(snapshotId);
  for await (const { key } of bucket.list(folder, options)) {
    const pinId = key.slice(folder.length);
    const upload = uploadOfPin(pinId);
    if (upload === undefined || (await isInFlight(bucket, upload, options))) pins.push(pinId);
  }
  return pins;
}

async function isInFlight(bucket: Bucket, upload: string, options: CallOptions): Promise<boolean> {
  const steps = ['open', 'sealed'] as const;
  const found = await Promise.all(steps.map((step) => bucket.has(keys.intent(upload, step), options)));
  return found.includes(true);
}
