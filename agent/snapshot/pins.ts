import { HoldfastError } from '../../core/errors.ts';
import { checkSnapshotId, isSnapshotId, keys } from '../../core/snapshot/names.ts';
import type { Bucket, CallOptions } from '../s3/bucket.ts';
import { noSuchSnapshot } from './no-such-snapshot.ts';

const pinIdPattern = /^[A-Za-z0-9._-]{1,64}$/;

export interface PinOptions extends CallOptions {
  /** For who looks at the pin. */
  note?: Record<string, string | number>;
}

/**
 * Keeps a snapshot's data in place while it is needed, also if the snapshot is deleted meanwhile. `pinId` is the
 * holder's own name, for example a restore's id: pin once, record it, and after a restart open the snapshot with
 * the recorded id. The pin stands before the look at root and tombstone; a collector, which alone
 * takes data away, reads the tombstones before it looks at the pins. Throws NOT_FOUND, GONE (deleted before the pin stood) and the bucket's errors.
 */
export async function pinSnapshot(
  bucket: Bucket,
  snapshotId: string,
  pinId: string,
  options: PinOptions = {},
): Promise<void> {
  await putPin(bucket, snapshotId, pinId, options);
  const { signal } = options;
  const [exists, deleted] = await Promise.all(
    [keys.root(snapshotId), keys.tombstone(snapshotId)].map((key) => bucket.has(key, { signal })),
  );
  if (exists && !deleted) return;
  await unpinSnapshot(bucket, snapshotId, pinId);
  if (deleted) throw new HoldfastError('GONE', `snapshot ${snapshotId} was deleted`);
  throw noSuchSnapshot(snapshotId, bucket.url);
}

/** The pin alone: whoever made it has to look for the tombstone. */
export async function putPin(
  bucket: Bucket,
  snapshotId: string,
  pinId: string,
  { signal, note = {} }: PinOptions,
): Promise<void> {
  checkSnapshotId(snapshotId);
  if (!pinIdPattern.test(pinId)) throw new HoldfastError('INVALID_INPUT', `“${pinId}” cannot be a pin’s id`);
  await bucket.put(keys.pin(snapshotId, pinId), Buffer.from(JSON.stringify(note)), { signal });
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
