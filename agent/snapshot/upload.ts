import { HoldfastError } from '../../core/errors.ts';
import { sha256, type ChunkEntry, type PageRef } from '../../core/snapshot/format.ts';
import {
  defaultChunkBytes,
  formatLimits,
  geometryOf,
  leafEntryCount,
  plainBytesOf,
  type Geometry,
} from '../../core/snapshot/geometry.ts';
import { encodeRoot } from '../../core/snapshot/root-codec.ts';
import { inlineEncoder, type ChunkEncoder, type EncodedChunk } from './chunk-encoder.ts';
import type { CreateResult, CreateSnapshotOptions } from './create-snapshot.ts';
import { inOrder } from './in-order.ts';
import { ManifestWriter } from './manifest-writer.ts';
import type { OpenedSnapshot } from './open-snapshot.ts';
import { PackWriter } from './pack-writer.ts';
import type { StoredChunk } from './upload-journal.ts';
import type { UploadPool } from './upload-pool.ts';

export interface UploadState {
  snapshotId: string;
  parent: OpenedSnapshot | undefined;
  pool: UploadPool;
  signal: AbortSignal;
  takenAtMs: number;
  /** Where an earlier run of this upload stored the chunk; it may have had other bytes then. */
  stored?: ((index: number) => Promise<ChunkEntry>) | undefined;
}

/** A whole leaf that is the parent's, or has holes alone. */
type WholeLeaf = { kind: 'same'; leafIndex: number } | { kind: 'holes'; leafIndex: number };
/** One thing that the manifest gets, in order. */
type Item = WholeLeaf | { kind: 'chunk'; index: number };
type Step = WholeLeaf | { kind: 'chunk'; index: number; parentEntry: ChunkEntry; encoded: EncodedChunk };

/** Reads, compresses and uploads every chunk that the parent has not, and the pages above them. */
export class Upload {
  readonly #options: CreateSnapshotOptions;
  readonly #state: UploadState;
  readonly #geometry: Geometry;
  readonly #encoder: ChunkEncoder;
  readonly #packs: PackWriter;
  readonly #manifest: ManifestWriter;
  #newChunks = 0;
  #resumedBytes = 0;

  constructor(options: CreateSnapshotOptions, state: UploadState) {
    this.#options = options;
    this.#state = state;
    const chunkBytes = state.parent?.chunkBytes ?? options.chunkBytes ?? defaultChunkBytes;
    this.#geometry = geometryOf(options.source.sizeBytes, chunkBytes);
    const own = { owner: state.snapshotId, random: options.random, signal: state.signal };
    this.#encoder = options.encoder ?? inlineEncoder;
    const onStored = options.journal && ((chunks: readonly StoredChunk[]) => options.journal!.note(chunks));
    this.#packs = new PackWriter(options.bucket, state.pool, { ...own, encoder: this.#encoder, onStored });
    this.#manifest = new ManifestWriter(options.bucket, state.pool, this.#geometry, own);
  }

  get chunkBytes(): number {
    return this.#geometry.chunkBytes;
  }

  async run(): Promise<{ rootBytes: Uint8Array; result: Omit<CreateResult, 'durationMs'> }> {
    const inFlightMax = this.#options.chunksInFlightMax ?? 8;
    for await (const step of inOrder(this.#items(), inFlightMax, (item) => this.#encode(item))) {
      this.#state.signal.throwIfAborted();
      await this.#append(step);
      this.#report(step);
    }
    await this.#packs.finish();
    const refs = await this.#manifest.finish();
    await this.#state.pool.drain();
    return this.#result(refs);
  }

  async *#items(): AsyncGenerator<Item> {
    const { chunkCount, chunkBytes, leafCount, sizeBytes } = this.#geometry;
    for (let leafIndex = 0; leafIndex < leafCount; leafIndex += 1) {
      const start = leafIndex * formatLimits.fanout;
      const end = Math.min(start + formatLimits.fanout, chunkCount);
      const offsetBytes = start * chunkBytes;
      const lengthBytes = Math.min(sizeBytes, end * chunkBytes) - offsetBytes;
      if (this.#isUnchanged(leafIndex, start, end)) yield { kind: 'same', leafIndex };
      else if (await this.#options.source.isZero?.(offsetBytes, lengthBytes))
        yield { kind: 'holes', leafIndex };
      else for (let index = start; index < end; index += 1) yield { kind: 'chunk', index };
    }
  }

  #isUnchanged(leafIndex: number, start: number, end: number): boolean {
    if (!this.#leafFitsParent(leafIndex)) return false;
    for (let index = start; index < end; index += 1) if (this.#mayDiffer(index)) return false;
    return true;
  }

  async #encode(item: Item): Promise<Step> {
    if (item.kind !== 'chunk') return item;
    const { index } = item;
    const parentEntry = this.#fitsParent(index) ? await this.#state.parent!.entry(index) : undefined;
    const lengthBytes = plainBytesOf(this.#geometry, index);
    if (!this.#mayDiffer(index))
      return {
        ...item,
        parentEntry,
        encoded: parentEntry ? { kind: 'same', entry: parentEntry } : { kind: 'hole' },
      };
    const offsetBytes = index * this.#geometry.chunkBytes;
    const into = () => this.#encoder.take(lengthBytes);
    const plain = await this.#options.source.readChunk({ index, offsetBytes, lengthBytes, into });
    if (plain === undefined) return { ...item, parentEntry, encoded: { kind: 'hole' } };
    if (plain.length !== lengthBytes)
      throw new HoldfastError(
        'IO',
        `the source gave ${plain.length} of ${lengthBytes} bytes at ${offsetBytes}`,
      );
    const known = (await this.#state.stored?.(index)) ?? parentEntry;
    return { ...item, parentEntry, encoded: await this.#encoder.encode(plain, known) };
  }

  async #append(step: Step): Promise<void> {
    const parentLeaf = async (leafIndex: number) => this.#state.parent!.leafRef(leafIndex);
    if (step.kind === 'holes') return this.#manifest.addLeaf(undefined);
    if (step.kind === 'same') return this.#manifest.addLeaf(await parentLeaf(step.leafIndex));
    const { encoded, index, parentEntry } = step;
    const leafFits = this.#leafFitsParent(Math.floor(index / formatLimits.fanout));
    if (encoded.kind === 'hole')
      return this.#manifest.addEntry(undefined, leafFits && parentEntry === undefined, parentLeaf);
    if (encoded.kind === 'same' && encoded.entry === parentEntry)
      return this.#manifest.addEntry(parentEntry, leafFits, parentLeaf);
    this.#newChunks += 1;
    if (encoded.kind === 'same') this.#resumedBytes += encoded.entry.storedBytes;
    const location = encoded.kind === 'same' ? encoded.entry : await this.#packs.add({ ...encoded, index });
    return this.#manifest.addEntry(location, false, parentLeaf);
  }

  #result(refs: PageRef[]) {
    const { snapshotId, parent, takenAtMs } = this.#state;
    const result = {
      snapshotId,
      parentId: parent?.snapshotId,
      createdAtMs: takenAtMs,
      sizeBytes: this.#geometry.sizeBytes,
      uploadedBytes: this.#uploadedBytes + this.#resumedBytes,
      resumedBytes: this.#resumedBytes,
      chunkCount: this.#geometry.chunkCount,
      newChunks: this.#newChunks,
    };
    const rootBytes = encodeRoot({
      ...result,
      volumeId: this.#options.volumeId,
      chunkBytes: this.#geometry.chunkBytes,
      newChunkCount: this.#newChunks,
      refs,
    });
    return { rootBytes, result: { ...result, rootHash: sha256(rootBytes) } };
  }

  #report(step: Step): void {
    const { sizeBytes, chunkBytes } = this.#geometry;
    const resumedBytes = this.#resumedBytes;
    const uploadedBytes = this.#uploadedBytes + resumedBytes;
    const doneChunks = step.kind === 'chunk' ? step.index + 1 : (step.leafIndex + 1) * formatLimits.fanout;
    const doneBytes = Math.min(sizeBytes, doneChunks * chunkBytes);
    this.#options.onProgress?.({ doneBytes, totalBytes: sizeBytes, uploadedBytes, resumedBytes });
  }

  get #uploadedBytes(): number {
    return this.#packs.uploadedBytes + this.#manifest.uploadedBytes;
  }

  /** The parent has this chunk, of the same length. */
  #fitsParent(index: number): boolean {
    const geometry = this.#state.parent?.root.geometry;
    if (geometry === undefined || index >= geometry.chunkCount) return false;
    return plainBytesOf(geometry, index) === plainBytesOf(this.#geometry, index);
  }

  /** The parent's leaf describes the same chunks. */
  #leafFitsParent(leafIndex: number): boolean {
    const geometry = this.#state.parent?.root.geometry;
    if (geometry === undefined || leafIndex >= geometry.leafCount) return false;
    const entryCount = leafEntryCount(this.#geometry, leafIndex);
    const lastChunk = leafIndex * formatLimits.fanout + entryCount - 1;
    return leafEntryCount(geometry, leafIndex) === entryCount && this.#fitsParent(lastChunk);
  }

  #mayDiffer(index: number): boolean {
    const { changed } = this.#options;
    return changed === undefined || !this.#fitsParent(index) || changed(index);
  }
}
