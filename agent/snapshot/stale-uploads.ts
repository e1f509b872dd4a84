import { HoldfastError } from '../../core/errors.ts';
import { folders, idInKey, keys, type IntentStep } from '../../core/snapshot/names.ts';
import { formatLimits } from '../../core/snapshot/geometry.ts';
import type { Bucket, CallOptions } from '../s3/bucket.ts';

export interface Intent {
  snapshotId: string;
  steps: Set<IntentStep>;
  /** Unix milliseconds of the newest of its objects, by the store's clock. */
  modifiedAtMs: number;
}

/** Every upload that has left a trace of its steps. */
export async function listIntents(bucket: Bucket, options?: CallOptions): Promise<Intent[]> {
  const intents = new Map<string, Intent>();
  for await (const { key, modifiedAtMs } of bucket.list(folders.intents, options)) {
    const snapshotId = idInKey(key, folders.intents);
    const step = key.split('/')[2];
    if (snapshotId === undefined || !(step === 'open' || step === 'sealed' || step === 'abandoned')) continue;
    const intent = intents.get(snapshotId) ?? { snapshotId, steps: new Set(), modifiedAtMs: 0 };
    intents.set(snapshotId, intent);
    intent.steps.add(step);
    intent.modifiedAtMs = Math.max(intent.modifiedAtMs, modifiedAtMs);
  }
  return [...intents.values()];
}

export const isUnfinished = ({ steps }: Intent): boolean => steps.has('open') || steps.has('sealed');

/**
 * Ends an upload that nobody seems to work on any more. `abandoned` stands before the look at `sealed`; the uploader
 * does the two in the opposite order, so that one of them sees the other, however long either of them sleeps:
 * an upload that had sealed is completed (everything but its root had arrived), any other can never commit and its
 * snapshot id is tombstoned. `sealed` goes only after the root came, so its absence counts with the root's alone.
 */
export async function endUpload(
  bucket: Bucket,
  snapshotId: string,
  options?: CallOptions,
): Promise<'completed' | 'abandoned'> {
  await bucket.put(keys.intent(snapshotId, 'abandoned'), new Uint8Array(0), options);
  const root = await sealedRoot(bucket, snapshotId, options);
  const arrived = root !== undefined || (await bucket.has(keys.root(snapshotId), options));
  if (!arrived) await bucket.put(keys.tombstone(snapshotId), new Uint8Array(0), options);
  const deleted = await bucket.has(keys.tombstone(snapshotId), options);
  if (root !== undefined && !deleted) await putFirstRoot(bucket, snapshotId, root, options);
  await bucket.delete([keys.intent(snapshotId, 'sealed')], options);
  await bucket.delete([keys.intent(snapshotId, 'open')], options);
  return deleted ? 'abandoned' : 'completed';
}

/** A root that is there stays: whoever put it was first. */
async function putFirstRoot(bucket: Bucket, snapshotId: string, root: Uint8Array, options?: CallOptions) {
  await bucket.put(keys.root(snapshotId), root, { ...options, isNew: true }).catch((error: unknown) => {
    if (!(error instanceof HoldfastError) || error.code !== 'CONFLICT') throw error;
  });
}

async function sealedRoot(bucket: Bucket, snapshotId: string, options?: CallOptions) {
  try {
    const maxBytes = formatLimits.rootBytesMax;
    return await bucket.get(keys.intent(snapshotId, 'sealed'), { ...options, maxBytes });
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
}
