import { HoldfastError } from '../../core/errors.ts';
import { sha256, type ChunkEntry, type PageRef, type SnapshotRoot } from '../../core/snapshot/format.ts';
import {
  formatLimits,
  indexEntryCount,
  leafEntryCount,
  plainBytesOf,
  type Geometry,
} from '../../core/snapshot/geometry.ts';
import { keys } from '../../core/snapshot/names.ts';
import { decodeIndex, decodeLeaf } from '../../core/snapshot/page-codec.ts';
import type { Bucket } from '../s3/bucket.ts';
import { BoundedCache } from './bounded-cache.ts';
import { typed } from '../../core/typed.ts';

/** Of 256 GiB each. More of them would cost more processor time at the start than the one round trip that they save. */
const warmIndexesMax = 8;

/** The pages below one root, fetched when they are needed and verified by the hash in their reference. */
export class ManifestReader {
  readonly #bucket: Bucket;
  readonly #geometry: Geometry;
  readonly #rootRefs: PageRef[];
  readonly #label: string;
  readonly #leaves: BoundedCache<ChunkEntry[]>;
  readonly #indexes: BoundedCache<PageRef[]>;
  /** Ends all fetches. One caller's signal must not: others wait for the same page. */
  readonly #signal: AbortSignal;

  /** `cachePages`: leaves kept in memory, about 0.3 MiB each. */
  constructor(
    bucket: Bucket,
    root: SnapshotRoot & { geometry: Geometry },
    { cachePages, signal }: { cachePages: number; signal: AbortSignal },
  ) {
    this.#bucket = bucket;
    this.#geometry = root.geometry;
    this.#rootRefs = root.refs;
    this.#label = `snapshot ${root.snapshotId}`;
    this.#signal = signal;
    this.#leaves = new BoundedCache(cachePages);
    this.#indexes = new BoundedCache(Math.max(1, cachePages >> 2));
  }

  /** Where leaf `leafIndex` is; undefined: all of its chunks are holes. */
  async leafRef(leafIndex: number): Promise<PageRef> {
    if (this.#geometry.levels === 1) return this.#rootRefs[leafIndex];
    const position = Math.floor(leafIndex / formatLimits.fanout);
    const ref = this.#rootRefs[position];
    if (ref === undefined) return undefined;
    const refs = await this.#indexes.get(String(position), async () =>
      decodeIndex(await this.#page(ref), indexEntryCount(this.#geometry, position), this.#subject(ref)),
    );
    return refs[leafIndex % formatLimits.fanout];
  }

  /** The entries of a leaf's chunks; undefined: all of them are holes. */
  async leaf(leafIndex: number): Promise<ChunkEntry[] | undefined> {
    const ref = await this.leafRef(leafIndex);
    if (ref === undefined) return undefined;
    const firstChunk = leafIndex * formatLimits.fanout;
    return this.#leaves.get(String(leafIndex), async () =>
      decodeLeaf(
        await this.#page(ref),
        leafEntryCount(this.#geometry, leafIndex),
        (entry) => plainBytesOf(this.#geometry, firstChunk + entry),
        this.#subject(ref),
      ),
    );
  }

  /** Fetches what the first reads will ask for: all indexes, where they are few, and the front's leaf. */
  async warm(): Promise<void> {
    const indexes =
      this.#geometry.levels === 1 || this.#rootRefs.length > warmIndexesMax ? [] : this.#rootRefs;
    const leaves = indexes.map((_, position) => this.leafRef(position * formatLimits.fanout));
    await Promise.all([this.leaf(0), ...leaves]);
  }

  async entry(chunkIndex: number): Promise<ChunkEntry> {
    const leaf = await this.leaf(Math.floor(chunkIndex / formatLimits.fanout));
    return leaf?.[chunkIndex % formatLimits.fanout];
  }

  async #page(ref: NonNullable<PageRef>): Promise<Uint8Array> {
    const bytes = await this.#bucket
      .get(keys.page(ref.name), { signal: this.#signal, maxBytes: formatLimits.pageBytesMax })
      .catch((error: unknown) => {
        throw missingIsCorrupt(error, `${this.#subject(ref)} is missing`);
      });
    if (Buffer.compare(sha256(bytes), ref.hash) === 0) return bytes;
    throw new HoldfastError('CORRUPT', `${this.#subject(ref)} does not match its hash`, {
      hint: corruptHint,
    });
  }

  #subject = (ref: NonNullable<PageRef>): string => `${this.#label}: ${keys.page(ref.name)}`;
}

export const corruptHint = `the stored object was damaged; \`${typed('holdfast-agent snapshot verify')}\` names all of them`;

/** An object that a manifest refers to and that is not there is damage, not a wrong name. */
export function missingIsCorrupt(error: unknown, message: string): unknown {
  if (!(error instanceof HoldfastError) || error.code !== 'NOT_FOUND') return error;
  return new HoldfastError('CORRUPT', message, { hint: corruptHint, cause: error });
}
