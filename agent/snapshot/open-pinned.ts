import { HoldfastError } from '../../core/errors.ts';
import { checkSnapshotId, keys } from '../../core/snapshot/names.ts';
import type { Bucket } from '../s3/bucket.ts';
import { OpenedSnapshot, readRoot, type OpenSnapshotOptions } from './open-snapshot.ts';
import { putPin, unpinSnapshot, type PinOptions } from './pins.ts';

export interface OpenPinnedOptions extends Pick<OpenSnapshotOptions, 'transfers' | 'signal'>, PinOptions {
  /** Told where the credentials may only read: the snapshot is opened, and nothing keeps it from being deleted. */
  onUnpinned?: () => void;
}

/**
 * Pins a snapshot and opens it, in the time of two answers from S3. The root is asked for beside the pin: only a
 * tombstone makes a collector remove it, tombstones stay, and that there is none is seen once the pin stands. Beside
 * that look the manifest's pages are on their way that the first reads of a volume want.
 * Throws as `pinSnapshot` and `openSnapshot`; FORBIDDEN only where there is no `onUnpinned`.
 */
export async function openPinned(
  bucket: Bucket,
  snapshotId: string,
  pinId: string,
  { onUnpinned, note, ...options }: OpenPinnedOptions = {},
): Promise<OpenedSnapshot> {
  checkSnapshotId(snapshotId);
  const { signal } = options;
  const opening = readRoot(bucket, snapshotId, options).then(
    (root) => new OpenedSnapshot(bucket, root, options),
  );
  opening.catch(() => undefined);
  let isPinned = true;
  try {
    await putPin(bucket, snapshotId, pinId, { note, signal }).catch((error: unknown) => {
      isPinned = !(error instanceof HoldfastError && error.code === 'FORBIDDEN');
      if (isPinned || !onUnpinned) throw error;
      onUnpinned();
    });
    void opening.then((snapshot) => snapshot.warm()).catch(() => undefined);
    if (await bucket.has(keys.tombstone(snapshotId), { signal }))
      throw new HoldfastError('GONE', `snapshot ${snapshotId} was deleted`);
    return await opening;
  } catch (thrown) {
    void opening.then((snapshot) => snapshot.close()).catch(() => undefined);
    if (isPinned) await unpinSnapshot(bucket, snapshotId, pinId).catch(() => undefined);
    throw thrown;
  }
}
