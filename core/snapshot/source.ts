import type { HoldfastError } from '../errors.ts';

/** A snapshot opened for reading: what the restore engine and the read-only export consume. */
export interface SnapshotSource {
  readonly snapshotId: string;
  /** SHA-256 of the snapshot's root object: through it every page and chunk is verified. */
  readonly rootHash: Uint8Array;
  readonly sizeBytes: number;
  /** Plain bytes of each chunk but the last, a multiple of 4 KiB; fixed per snapshot line. */
  readonly chunkBytes: number;
  readonly chunkCount: number;
  /** When the volume was as it is in it, Unix ms; undefined where its root was not read yet. The id tells when it was begun. */
  readonly createdAtMs?: number | undefined;
  /**
   * Plain, verified bytes of one chunk; undefined where the chunk is a hole (reads as zero). The last chunk may be
   * shorter than `chunkBytes`. Throws CORRUPT (names the chunk and object), IO, UNAVAILABLE.
   */
  readChunk(index: number, options?: ReadChunkOptions): Promise<Uint8Array | undefined>;
  /** True where the manifest says that the chunk is a hole; reads at most one manifest page. */
  isHole(index: number): Promise<boolean>;
  /**
   * The chunks of [start, end) for the background, merged into ranges that are longer than one chunk where packs
   * allow it. Yields in index order, damaged chunks among them. Throws what else `readChunk` does.
   */
  readChunks(start: number, end: number, options?: ReadChunkOptions): AsyncIterable<ReadChunk>;
  /** Chunks that clients are known to read first, in that order, each once. Throws CORRUPT, IO, UNAVAILABLE. */
  hotChunks(signal?: AbortSignal): Promise<readonly number[]>;
  close(): Promise<void>;
}

/** A chunk as it was read: its bytes (undefined: a hole), or why it cannot be had, which is CORRUPT. */
export type ReadChunk =
  | {
      index: number;
      bytes: Uint8Array | undefined;
      damage?: undefined;
      /** Call it when nobody looks at the bytes any more, if that is certain: their memory is used again then. */
      release?: () => void;
    }
  | { index: number; damage: HoldfastError };

export interface ReadChunkOptions {
  signal?: AbortSignal;
  priority?: 'demand' | 'background';
  /** Of one chunk: its bytes may be lent. To be called back as `ReadChunk.release` is. */
  onLent?: (release: () => void) => void;
}
