import { sha256, type ChunkEntry, type PageRef } from '../../core/snapshot/format.ts';
import { formatLimits, leafEntryCount, type Geometry } from '../../core/snapshot/geometry.ts';
import { keys, newObjectName, type RandomBytes } from '../../core/snapshot/names.ts';
import { encodeIndex, encodeLeaf } from '../../core/snapshot/page-codec.ts';
import type { Bucket } from '../s3/bucket.ts';
import type { UploadPool } from './upload-pool.ts';

/** Takes the entries of all chunks in order and uploads the pages above them, bottom up. */
export class ManifestWriter {
  readonly #bucket: Bucket;
  readonly #pool: UploadPool;
  readonly #geometry: Geometry;
  readonly #owner: string;
  readonly #random: RandomBytes;
  readonly #signal: AbortSignal;
  readonly #leafRefs: PageRef[] = [];
  readonly #rootRefs: PageRef[] = [];
  #entries: ChunkEntry[] = [];
  /** True while every entry of the leaf was taken over from the parent's leaf unchanged. */
  #sameAsParent = true;
  uploadedBytes = 0;

  constructor(
    bucket: Bucket,
    pool: UploadPool,
    geometry: Geometry,
    { owner, random, signal }: { owner: string; random: RandomBytes; signal: AbortSignal },
  ) {
    this.#bucket = bucket;
    this.#pool = pool;
    this.#geometry = geometry;
    this.#owner = owner;
    this.#random = random;
    this.#signal = signal;
  }

  /** `parentLeaf` gives the parent's reference where the whole leaf turns out to be the parent's. */
  async addEntry(
    entry: ChunkEntry,
    same: boolean,
    parentLeaf: (leafIndex: number) => Promise<PageRef>,
  ): Promise<void> {
    this.#entries.push(entry);
    this.#sameAsParent &&= same;
    const leafIndex = this.#leafCount;
    if (this.#entries.length < leafEntryCount(this.#geometry, leafIndex)) return;
    const [entries, reuse] = [this.#entries, this.#sameAsParent];
    this.#entries = [];
    this.#sameAsParent = true;
    if (entries.every((each) => each === undefined)) await this.addLeaf(undefined);
    else if (reuse) await this.addLeaf(await parentLeaf(leafIndex));
    else await this.addLeaf(await this.#upload(encodeLeaf(entries)));
  }

  /** A whole leaf by its reference. Only between two leaves. */
  async addLeaf(ref: PageRef): Promise<void> {
    if (this.#entries.length > 0) throw new RangeError('a leaf is half written');
    this.#leafRefs.push(ref);
    if (this.#geometry.levels === 2 && this.#leafRefs.length === formatLimits.fanout)
      await this.#finishIndex();
  }

  /** The root's references. */
  async finish(): Promise<PageRef[]> {
    if (this.#geometry.levels === 1) return this.#leafRefs;
    if (this.#leafRefs.length > 0) await this.#finishIndex();
    return this.#rootRefs;
  }

  get #leafCount(): number {
    return this.#rootRefs.length * formatLimits.fanout + this.#leafRefs.length;
  }

  async #finishIndex(): Promise<void> {
    const refs = this.#leafRefs.splice(0);
    const allHoles = refs.every((ref) => ref === undefined);
    this.#rootRefs.push(allHoles ? undefined : await this.#upload(encodeIndex(refs)));
  }

  async #upload(page: Uint8Array): Promise<PageRef> {
    const name = newObjectName(this.#owner, this.#random);
    this.uploadedBytes += page.length;
    await this.#pool.start(() => this.#bucket.put(keys.page(name), page, { signal: this.#signal }));
    return { name, hash: sha256(page) };
  }
}
