import { HoldfastError } from '../../core/errors.ts';
import { keys } from '../../core/snapshot/names.ts';
import type { Bucket, CallOptions } from '../s3/bucket.ts';
import { pinSnapshot, unpinSnapshot, uploadPinId } from './pins.ts';

/** A store that is down must not hold up the report of a failure. */
const giveUpMs = 10_000;

/**
 * The steps of an upload that a collector can see, in the order that keeps both safe (docs/snapshot-format.md,
 * “Order of writes”). The intent stands before the first object, so that a collector leaves this upload's objects
 * alone; the parent's pin goes only after the root is there; `sealed` stands before the look at `abandoned`, so
 * that either the collector sees the seal or we see that it gave this upload up.
 */
export class UploadProtocol {
  readonly #bucket: Bucket;
  readonly snapshotId: string;
  readonly #parentId: string | undefined;
  #step: 'before' | 'open' | 'sealing' = 'before';

  constructor(
    bucket: Bucket,
    { snapshotId, parentId }: { snapshotId: string; parentId: string | undefined },
  ) {
    this.#bucket = bucket;
    this.snapshotId = snapshotId;
    this.#parentId = parentId;
  }

  /** Throws NOT_FOUND or GONE where the parent is not there. */
  async begin(note: Record<string, string | number>, options?: CallOptions): Promise<void> {
    this.#step = 'open';
    const body = Buffer.from(JSON.stringify(note));
    await this.#bucket.put(keys.intent(this.snapshotId, 'open'), body, options);
    if (this.#parentId !== undefined)
      await pinSnapshot(this.#bucket, this.#parentId, uploadPinId(this.snapshotId), options);
  }

  /**
   * As `begin`, for an upload that an earlier run began, has not begun to seal and left alone since; `pinnedId` is the parent that it had.
   * False where it cannot go on: a collector has given it up, and what it stored may be gone; or, against all
   * promises, it was sealed, as where what was remembered of it is older than it should be. Looked for after the
   * intent stands anew, so that a collector which gives it up later is seen before the commit, as by any upload.
   */
  async resume(
    note: Record<string, string | number>,
    { pinnedId, ...options }: CallOptions & { pinnedId?: string | undefined },
  ): Promise<boolean> {
    if (!(await this.#bucket.has(keys.intent(this.snapshotId, 'open'), options))) return false;
    await this.begin(note, options);
    if (pinnedId !== undefined && pinnedId !== this.#parentId)
      await unpinSnapshot(this.#bucket, pinnedId, uploadPinId(this.snapshotId), options);
    // What is there belongs to whoever sealed or gave it up.
    for (const key of [
      keys.intent(this.snapshotId, 'abandoned'),
      keys.intent(this.snapshotId, 'sealed'),
      keys.root(this.snapshotId),
    ])
      if (await this.#bucket.has(key, options)) return false;
    return true;
  }

  /** Makes the snapshot visible. Every page and pack must have arrived. Throws CONFLICT: given up by a collector. */
  async commit(root: Uint8Array, options?: CallOptions): Promise<void> {
    this.#step = 'sealing';
    await this.#putFirst(keys.intent(this.snapshotId, 'sealed'), root, options);
    if (await this.#bucket.has(keys.intent(this.snapshotId, 'abandoned'), options))
      throw new HoldfastError(
        'CONFLICT',
        `snapshot ${this.snapshotId}: a collector took this upload for dead and gave it up`,
        { hint: 'take the snapshot again; raise the collector’s --abandon-after if uploads last that long' },
      );
    await this.#putFirst(keys.root(this.snapshotId), root, options);
    await this.#withdraw().catch(() => undefined);
  }

  /**
   * After a failure: lets a collector have what was uploaded. Not once sealing has begun, for a request whose answer
   * was lost may still arrive; then intent and pin stay until a collector gives this upload up or completes it.
   * Never rejects: what cannot be withdrawn now costs space until then, and nothing else.
   */
  async giveUp(): Promise<void> {
    const options = { signal: AbortSignal.timeout(giveUpMs) };
    if (this.#step === 'open') await this.#withdraw(options).catch(() => undefined);
  }

  /** Lets a collector have what an earlier run uploaded, which had not begun to seal. */
  discard(options?: CallOptions): Promise<void> {
    return this.#withdraw(options);
  }

  /** Throws CONFLICT where another process was faster with the same upload, whose snapshot stays as it is. */
  async #putFirst(key: string, root: Uint8Array, options?: CallOptions): Promise<void> {
    await this.#bucket.put(key, root, { ...options, isNew: true }).catch((error: unknown) => {
      if (!(error instanceof HoldfastError) || error.code !== 'CONFLICT') throw error;
      throw new HoldfastError('CONFLICT', `snapshot ${this.snapshotId}: another process ended this upload`, {
        hint: 'take the snapshot again; see that no two hosts share a state directory',
        cause: error,
      });
    });
  }

  async #withdraw(options?: CallOptions): Promise<void> {
    await this.#bucket.delete([keys.intent(this.snapshotId, 'sealed')], options);
    if (this.#parentId !== undefined)
      await unpinSnapshot(this.#bucket, this.#parentId, uploadPinId(this.snapshotId), options);
    await this.#bucket.delete([keys.intent(this.snapshotId, 'open')], options);
  }
}
