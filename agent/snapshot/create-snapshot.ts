import { HoldfastError } from '../../core/errors.ts';
import { defaultChunkBytes, geometryOf } from '../../core/snapshot/geometry.ts';
import { checkSnapshotId, keys, newSnapshotId, type RandomBytes } from '../../core/snapshot/names.ts';
import { checkVolumeId } from '../../core/snapshot/root-codec.ts';
import type { Bucket } from '../s3/bucket.ts';
import type { ChunkEncoder } from './chunk-encoder.ts';
import { writeHotChunks, type HotListOwner } from './hot-lists.ts';
import { openSnapshot, type OpenedSnapshot } from './open-snapshot.ts';
import { uploadPinId } from './pins.ts';
import { Upload, type UploadState } from './upload.ts';
import type { SnapshotInput } from './snapshot-input.ts';
import type { UploadJournal } from './upload-journal.ts';
import { UploadPool } from './upload-pool.ts';
import { UploadProtocol } from './upload-protocol.ts';

export interface CreateSnapshotOptions {
  bucket: Bucket;
  source: SnapshotInput;
  volumeId: string;
  /** Chunks that this snapshot has not changed are taken over from it. */
  parentId?: string;
  /** @default the parent's; without one 256 KiB. Must be the parent's where there is one. */
  chunkBytes?: number;
  /**
   * True where a chunk may differ from the parent's: only these are read. Without it everything is read and
   * compared by hash. Needs a parent.
   */
  changed?: (chunkIndex: number) => boolean;
  /** Unix milliseconds of the point in time. @default now */
  takenAtMs?: number;
  /** Chunks that are read, hashed and compressed at the same time. @default 8 */
  chunksInFlightMax?: number;
  /** What hashes and compresses. @default in this thread */
  encoder?: ChunkEncoder | undefined;
  /** Objects uploaded at the same time, each up to 8 MiB in memory. @default 4 */
  uploadsInFlightMax?: number;
  /** Chunks that a restore is to fetch first, asked for when everything else has arrived. @default none */
  hotChunks?: (
    made: HotListOwner & { chunkBytes: number; signal: AbortSignal },
  ) => Promise<readonly number[]>;
  /** Where an upload that is interrupted is remembered, and gone on with. @default nowhere: it begins anew */
  journal?: UploadJournal | undefined;
  /** Begin anew all the same, and leave what an earlier run stored to garbage collection. */
  again?: boolean | undefined;
  /** An earlier run's upload goes on. */
  onResume?: (snapshotId: string) => void;
  onProgress?: (progress: CreateProgress) => void;
  signal?: AbortSignal;
  /** Unix milliseconds. */
  now: () => number;
  random: RandomBytes;
}

export interface CreateProgress {
  doneBytes: number;
  totalBytes: number;
  /** By all runs so far. */
  uploadedBytes: number;
  /** What earlier runs had stored of it. */
  resumedBytes: number;
}

export interface CreateResult {
  snapshotId: string;
  /** SHA-256 of the root object: whoever keeps it can tell a forged snapshot from this one. */
  rootHash: Uint8Array;
  parentId: string | undefined;
  /** Unix milliseconds of the point in time. */
  createdAtMs: number;
  sizeBytes: number;
  /** By all runs that this snapshot took. */
  uploadedBytes: number;
  /** What earlier runs had stored of it. */
  resumedBytes: number;
  chunkCount: number;
  newChunks: number;
  durationMs: number;
}

/**
 * Uploads a snapshot that is complete in itself. It is listed only when all of it has arrived; what a failure
 * leaves behind is never listed: the journal's next run goes on with it, or garbage collection removes it. Memory is bounded whatever the volume's size.
 * Throws INVALID_INPUT (sizes, ids), NOT_FOUND or GONE (parent), CONFLICT (given up by a collector), the source's
 * and the bucket's errors; the signal's reason when aborted.
 */
export async function createSnapshot(options: CreateSnapshotOptions): Promise<CreateResult> {
  const { bucket, now, random, parentId } = options;
  checkVolumeId(options.volumeId);
  if (parentId !== undefined) checkSnapshotId(parentId);
  geometryOf(options.source.sizeBytes, options.chunkBytes ?? defaultChunkBytes);
  const startedAtMs = now();
  const takenAtMs = options.takenAtMs ?? startedAtMs;
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const pool = new UploadPool(options.uploadsInFlightMax ?? 4);
  const note = { volumeId: options.volumeId, startedAtMs };
  const resumed = await resumeUpload(options, note);
  const { protocol } = resumed ?? {
    protocol: new UploadProtocol(bucket, { snapshotId: newSnapshotId(takenAtMs, random), parentId }),
  };
  const { snapshotId } = protocol;
  let goesOnLater = options.journal;
  try {
    if (!resumed) await protocol.begin(note, { signal });
    await options.journal?.begin({ snapshotId, parentId });
    const parent = parentId === undefined ? undefined : await openParent(options, parentId, snapshotId);
    const stored = resumed?.stored;
    const upload = new Upload(options, { snapshotId, parent, pool, signal, takenAtMs, stored });
    const { rootBytes, result } = await upload.run();
    await options.source.finish?.();
    await keepHotChunks(options, upload, { ...result, signal });
    // Once it is sealed, nobody else may ever write under this id: a request of ours may arrive at any time.
    await goesOnLater?.end();
    goesOnLater = undefined;
    await protocol.commit(rootBytes, { signal });
    await parent?.close();
    return { ...result, durationMs: now() - startedAtMs };
  } catch (error) {
    stop.abort(error);
    await pool.settle();
    if (!goesOnLater?.holdsChunks) {
      await goesOnLater?.end().catch(() => undefined);
      await protocol.giveUp();
    }
    throw error;
  }
}

/**
 * The journal's upload, begun again; undefined where there is none or it cannot go on. `stored`: where a chunk is that
 * has arrived. The journal alone does not tell: its bucket may be another one by now, or an older state of it.
 */
async function resumeUpload(
  { bucket, parentId, journal, again, signal, onResume }: CreateSnapshotOptions,
  note: Record<string, string | number>,
): Promise<{ protocol: UploadProtocol; stored: NonNullable<UploadState['stored']> } | undefined> {
  if (!journal?.unfinished) return undefined;
  const { snapshotId, parentId: pinnedId } = journal.unfinished;
  if (again) {
    await journal.end();
    await new UploadProtocol(bucket, { snapshotId, parentId: pinnedId }).discard({ signal });
    return undefined;
  }
  const protocol = new UploadProtocol(bucket, { snapshotId, parentId });
  if (!(await protocol.resume(note, { pinnedId, signal }))) return undefined;
  onResume?.(snapshotId);
  const packBytes = new Map<string, number>();
  for await (const { key, sizeBytes } of bucket.list(keys.packsOf(snapshotId), { ...(signal && { signal }) }))
    packBytes.set(key, sizeBytes);
  const stored = async (index: number) => {
    const found = await journal.stored(index);
    if (!found) return undefined;
    const arrivedBytes = packBytes.get(keys.pack(found.pack)) ?? 0;
    return found.offsetBytes + found.storedBytes <= arrivedBytes ? found : undefined;
  };
  return { protocol, stored };
}

/** Before the seal, so that whoever sees the snapshot sees its list. */
async function keepHotChunks(
  { bucket, hotChunks }: CreateSnapshotOptions,
  { chunkBytes }: Upload,
  { snapshotId, chunkCount, signal }: HotListOwner & { signal: AbortSignal },
): Promise<void> {
  const owner = { snapshotId, chunkCount };
  const chunks = await hotChunks?.({ ...owner, chunkBytes, signal });
  if (chunks) await writeHotChunks(bucket, owner, chunks, { signal });
}

async function openParent(
  { bucket, chunkBytes, signal }: CreateSnapshotOptions,
  parentId: string,
  snapshotId: string,
): Promise<OpenedSnapshot> {
  const parent = await openSnapshot(bucket, parentId, { pinId: uploadPinId(snapshotId), signal });
  if (chunkBytes === undefined || chunkBytes === parent.chunkBytes) return parent;
  throw new HoldfastError(
    'INVALID_INPUT',
    `the parent ${parentId} has chunks of ${parent.chunkBytes} bytes, not ${chunkBytes}`,
    { hint: 'leave the chunk size out, or take a full snapshot without a parent' },
  );
}
