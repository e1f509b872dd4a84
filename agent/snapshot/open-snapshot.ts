import { HoldfastError } from '../../core/errors.ts';
import { sha256, type ChunkEntry, type PageRef, type SnapshotRoot } from '../../core/snapshot/format.ts';
import { formatLimits, plainBytesOf, type Geometry } from '../../core/snapshot/geometry.ts';
import { checkSnapshotId, keys } from '../../core/snapshot/names.ts';
import { decodeRoot } from '../../core/snapshot/root-codec.ts';
import type { ReadChunk, ReadChunkOptions, SnapshotSource } from '../../core/snapshot/source.ts';
import type { Bucket, CallOptions } from '../s3/bucket.ts';
import type { Transfers } from '../transfer/transfers.ts';
import { ChunkReader, type StoredChunk } from './chunk-reader.ts';
import { readHotChunks } from './hot-lists.ts';
import { ManifestReader } from './manifest-reader.ts';
import { readInOrder } from './read-ahead.ts';
import { noSuchSnapshot } from './no-such-snapshot.ts';

export interface OpenSnapshotOptions {
  /** SHA-256 that the root object must have: CORRUPT where it is another one. */
  rootHash?: Uint8Array;
  /** A pin that the caller made: the snapshot opens even though it has been deleted meanwhile. */
  pinId?: string;
  /** How chunks are fetched and unpacked. @default in this thread, without a proxy */
  transfers?: Transfers;
  /** Manifest pages kept in memory. @default 64, about 20 MiB */
  cachePages?: number;
  signal?: AbortSignal;
}

/**
 * Reads the root object alone; pages and chunks follow as they are asked for.
 * Throws NOT_FOUND, GONE (deleted), CORRUPT, UNSUPPORTED (a newer format) and the bucket's errors.
 */
export async function openSnapshot(
  bucket: Bucket,
  snapshotId: string,
  options: OpenSnapshotOptions = {},
): Promise<OpenedSnapshot> {
  checkSnapshotId(snapshotId);
  const { signal, pinId } = options;
  const [root, deleted] = await Promise.all([
    readRoot(bucket, snapshotId, options),
    bucket.has(keys.tombstone(snapshotId), { signal }),
  ]);
  const pinned =
    deleted && pinId !== undefined && (await bucket.has(keys.pin(snapshotId, pinId), { signal }));
  if (deleted && !pinned) throw new HoldfastError('GONE', `snapshot ${snapshotId} was deleted`);
  return new OpenedSnapshot(bucket, root, options);
}

export interface ReadRoot extends SnapshotRoot {
  geometry: Geometry;
  rootHash: Uint8Array;
}

/** The verified root object of a snapshot, whether deleted or not. */
export async function readRoot(
  bucket: Bucket,
  snapshotId: string,
  { rootHash, signal }: { rootHash?: Uint8Array; signal?: AbortSignal } = {},
): Promise<ReadRoot> {
  const subject = `snapshot ${snapshotId}: its root object`;
  const bytes = await bucket
    .get(keys.root(snapshotId), { maxBytes: formatLimits.rootBytesMax, signal })
    .catch((error: unknown) => {
      if (!(error instanceof HoldfastError) || error.code !== 'NOT_FOUND' || error.hint) throw error;
      throw noSuchSnapshot(snapshotId, bucket.url, error);
    });
  const root = decodeRoot(bytes, subject);
  const actualHash = sha256(bytes);
  if (root.snapshotId !== snapshotId)
    throw new HoldfastError('CORRUPT', `${subject} is that of ${root.snapshotId}`);
  if (rootHash !== undefined && Buffer.compare(rootHash, actualHash) !== 0)
    throw new HoldfastError('CORRUPT', `${subject} does not match the hash that was expected`);
  return { ...root, rootHash: actualHash };
}

/** A snapshot opened for reading; also gives the manifest to what makes snapshots and verifies them. */
export class OpenedSnapshot implements SnapshotSource {
  readonly root: ReadRoot;
  readonly #manifest: ManifestReader;
  readonly #chunks: ChunkReader;
  readonly #bucket: Bucket;
  readonly #closed = new AbortController();

  constructor(
    bucket: Bucket,
    root: ReadRoot,
    { cachePages = 64, transfers }: Pick<OpenSnapshotOptions, 'cachePages' | 'transfers'>,
  ) {
    this.root = root;
    this.#bucket = bucket;
    this.#manifest = new ManifestReader(bucket, root, { cachePages, signal: this.#closed.signal });
    this.#chunks = new ChunkReader(bucket, root.snapshotId, transfers);
  }

  get snapshotId(): string {
    return this.root.snapshotId;
  }
  get rootHash(): Uint8Array {
    return this.root.rootHash;
  }
  get sizeBytes(): number {
    return this.root.sizeBytes;
  }
  get chunkBytes(): number {
    return this.root.chunkBytes;
  }
  get chunkCount(): number {
    return this.root.geometry.chunkCount;
  }
  get createdAtMs(): number {
    return this.root.createdAtMs;
  }

  async readChunk(index: number, options: ReadChunkOptions = {}): Promise<Uint8Array | undefined> {
    const call = this.#call(index, index + 1, options);
    const chunk = await this.#stored(index, call);
    if (!chunk) return undefined;
    const { bytes, release } = await this.#chunks.read(chunk, call);
    options.onLent?.(release);
    return bytes;
  }

  async isHole(index: number): Promise<boolean> {
    return (await this.entry(index)) === undefined;
  }

  readChunks(start: number, end: number, options: ReadChunkOptions = {}): AsyncIterable<ReadChunk> {
    const call = this.#call(start, end, options);
    return readInOrder(start, end, (index) => this.#stored(index, call), this.#chunks, call);
  }

  hotChunks = (signal?: AbortSignal): Promise<readonly number[]> =>
    readHotChunks(this.#bucket, this, this.#call(0, 0, { signal }));

  /** The manifest's entry of a chunk. */
  async entry(index: number): Promise<ChunkEntry> {
    this.#call(index, index + 1);
    return this.#manifest.entry(index);
  }

  /** The entries of a leaf; undefined where all of its chunks are holes. */
  leaf = (leafIndex: number): Promise<ChunkEntry[] | undefined> => this.#manifest.leaf(leafIndex);

  leafRef = (leafIndex: number): Promise<PageRef> => this.#manifest.leafRef(leafIndex);

  /** Fetches the pages of the manifest that the first reads will ask for. */
  warm = (): Promise<void> => this.#manifest.warm();

  /** Ends what is in flight; later reads throw. */
  async close(): Promise<void> {
    this.#closed.abort(new HoldfastError('IO', `snapshot ${this.snapshotId} was closed`));
  }

  async #stored(index: number, call: CallOptions): Promise<StoredChunk | undefined> {
    call.signal?.throwIfAborted();
    const location = await this.#manifest.entry(index);
    return location && { index, location, plainBytes: plainBytesOf(this.root.geometry, index) };
  }

  /** One signal for the caller's and for `close`; refuses chunks that the snapshot has not. */
  #call(start: number, end: number, { signal, priority }: CallOptions = {}): CallOptions {
    if (!Number.isSafeInteger(start) || start < 0 || start > end || end > this.chunkCount)
      throw new HoldfastError(
        'INVALID_INPUT',
        `snapshot ${this.snapshotId} has no chunks ${start} to ${end}`,
      );
    const either = signal ? AbortSignal.any([signal, this.#closed.signal]) : this.#closed.signal;
    return { signal: either, ...(priority && { priority }) };
  }
}
