import { HoldfastError } from '../../core/errors.ts';
import { checkSnapshotId, isSnapshotId, keys } from '../../core/snapshot/names.ts';
import type { Bucket, CallOptions } from '../s3/bucket.ts';
import { noSuchSnapshot } from './no-such-snapshot.ts';

const pinIdPattern = /^[A-Za-z0-9._-]{1,64}$/;

/**
 * Keeps a snapshot's data in place while it is needed, also if the snapshot is deleted meanwhile. `pinId` is the
 * holder's own name, for example a restore's id: pin once, record it, and after a restart open the snapshot with
 * the recorded id. The pin stands before the look at root and tombstone; a deleter's tombstone stands before the
 * look at pins. Throws NOT_FOUND, GONE (deleted before the pin stood) and the bucket's errors.
 */
export async function pinSnapshot(
  bucket: Bucket,
  snapshotId: string,
  pinId: string,
  options: CallOptions & { note?: Record<string, string | number> } = {},
): Promise<void> {
  checkSnapshotId(snapshotId);
  if (!pinIdPattern.test(pinId)) throw new HoldfastError('INVALID_INPUT', `“${pinId}” cannot be a pin’s id`);
  const { signal, note = {} } = options;
  const key = keys.pin(snapshotId, pinId);
  await bucket.put(key, Buffer.from(JSON.stringify(note)), { signal });
  const exists = await bucket.has(keys.root(snapshotId), { signal });
  const deleted = await bucket.has(keys.tombstone(snapshotId), { signal });
  if (exists && !deleted) return;
  await bucket.delete([key]);
  if (deleted) throw new HoldfastError('GONE', `snapshot ${snapshotId} was deleted`);
  throw noSuchSnapshot(snapshotId, bucket.url);
}

/** Releases the pin; no error where there is none. */
export const unpinSnapshot = (
  bucket: Bucket,
  snapshotId: string,
  pinId: string,
  options?: CallOptions,
): Promise<void> => bucket.delete([keys.pin(checkSnapshotId(snapshotId), pinId)], options);

/** The pin that an incremental upload holds on its parent. */
export const uploadPinId = (snapshotId: string): string => `upload-${snapshotId}`;

/** The upload that holds the pin; undefined where a restore or a person does. */
export function uploadOfPin(pinId: string): string | undefined {
  const snapshotId = pinId.startsWith('upload-') ? pinId.slice('upload-'.length) : '';
  return isSnapshotId(snapshotId) ? snapshotId : undefined;
}
