import { HoldfastError } from '../../core/errors.ts';
import type { Descriptor } from '../../core/restore/descriptor.ts';
import type { SnapshotSource } from '../../core/snapshot/source.ts';
import type { BucketFor, BucketPurpose, VolumeSnapshot } from '../ports.ts';
import type { Bucket } from '../s3/bucket.ts';
import { openBucket } from '../s3/s3-bucket.ts';
import { listSnapshots } from '../snapshot/list-snapshots.ts';
import { noSuchSnapshotOf } from '../snapshot/no-such-snapshot.ts';
import { openSnapshot, type OpenedSnapshot } from '../snapshot/open-snapshot.ts';
import { openPinned } from '../snapshot/open-pinned.ts';
import { unpinSnapshot } from '../snapshot/pins.ts';
import type { Transfers } from '../transfer/transfers.ts';
import { LazySource } from '../restore/lazy-source.ts';

/** Snapshots in S3, through credentials that are asked for anew when they have expired. */
export class SnapshotAccess {
  readonly #bucketFor: BucketFor;
  readonly #transfers: Transfers | undefined;

  constructor(bucketFor: BucketFor, transfers?: Transfers) {
    this.#bucketFor = bucketFor;
    this.#transfers = transfers;
  }

  async bucket(purpose: BucketPurpose): Promise<Bucket> {
    const first = await this.#bucketFor(purpose);
    let isFirst = true;
    return openBucket({
      bucket: first.bucket,
      prefix: first.prefix,
      transfers: this.#transfers,
      client: async () => {
        if (!isFirst) return (await this.#bucketFor(purpose)).client;
        isFirst = false;
        return first.client;
      },
    });
  }

  /** Oldest first. */
  async list(volumeId: string, signal?: AbortSignal): Promise<VolumeSnapshot[]> {
    const found: VolumeSnapshot[] = [];
    for (const { snapshotId, createdAtMs, ...rest } of await listSnapshots(
      await this.bucket({ kind: 'snapshot', volumeId }),
      { signal },
    ))
      found.push({
        snapshotId,
        createdAtMs,
        ...(rest.damage === undefined
          ? { sizeBytes: rest.sizeBytes, uploadedBytes: rest.uploadedBytes }
          : { damage: rest.damage }),
      });
    return found;
  }

  /** Opens a snapshot that stays in place until it is released, also if it is deleted meanwhile. */
  async pin(volumeId: string, snapshotId: string, restoreId: string): Promise<OpenedSnapshot> {
    this.#transfers?.warm?.();
    const bucket = await this.bucket({ kind: 'restore', volumeId, snapshotId });
    const options = { note: { volumeId }, transfers: this.#transfers };
    return openPinned(bucket, snapshotId, pinId(restoreId), options).catch((thrown: unknown) => {
      throw thrown instanceof HoldfastError && thrown.code === 'NOT_FOUND'
        ? noSuchSnapshotOf(volumeId, snapshotId, thrown)
        : thrown;
    });
  }

  /** Opens a snapshot to look at it; one that was deleted only where the restore of that id holds on to it. */
  async open(volumeId: string, snapshotId: string, restoreId?: string): Promise<OpenedSnapshot> {
    const bucket = await this.bucket({ kind: 'restore', volumeId, snapshotId });
    return openSnapshot(bucket, snapshotId, {
      ...(restoreId !== undefined && { pinId: pinId(restoreId) }),
      transfers: this.#transfers,
    });
  }

  /** The snapshot of a restore that goes on: opened when its first chunk is wanted. */
  reopen(descriptor: Descriptor): SnapshotSource {
    const { volumeId, snapshotId, restoreId, rootHash } = descriptor.frozen;
    return new LazySource(descriptor, async () =>
      openSnapshot(await this.bucket({ kind: 'restore', volumeId, snapshotId }), snapshotId, {
        pinId: pinId(restoreId),
        transfers: this.#transfers,
        rootHash: Buffer.from(rootHash, 'hex'),
      }),
    );
  }

  /** A pin that cannot be released now keeps data in S3 longer than needed, nothing worse. */
  async release(volumeId: string, snapshotId: string, restoreId: string): Promise<void> {
    const bucket = await this.bucket({ kind: 'restore', volumeId, snapshotId });
    await unpinSnapshot(bucket, snapshotId, pinId(restoreId));
  }
}

/** True where the parent of an incremental snapshot is no more, so that a full one is taken. */
export function isParentGone(thrown: unknown): boolean {
  return thrown instanceof HoldfastError && (thrown.code === 'GONE' || thrown.code === 'NOT_FOUND');
}

const pinId = (restoreId: string): string => `restore-${restoreId}`;
