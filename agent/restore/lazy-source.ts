import type { Descriptor } from '../../core/restore/descriptor.ts';
import type { ReadChunkOptions, SnapshotSource } from '../../core/snapshot/source.ts';
import { raceSignal } from '../s3/race-signal.ts';

/**
 * A snapshot of which the descriptor says enough to serve what is restored already: S3 is asked when the first chunk
 * is wanted, and again after it could not be reached.
 */
export class LazySource implements SnapshotSource {
  readonly snapshotId: string;
  readonly rootHash: Uint8Array;
  readonly sizeBytes: number;
  readonly chunkBytes: number;
  readonly chunkCount: number;
  readonly #open: () => Promise<SnapshotSource>;
  #opening: Promise<SnapshotSource> | undefined;
  #opened: SnapshotSource | undefined;
  #isClosed = false;

  constructor({ frozen }: Descriptor, open: () => Promise<SnapshotSource>) {
    this.snapshotId = frozen.snapshotId;
    this.rootHash = Buffer.from(frozen.rootHash, 'hex');
    this.sizeBytes = frozen.snapshotBytes;
    this.chunkBytes = frozen.blockBytes;
    this.chunkCount = Math.ceil(frozen.snapshotBytes / frozen.blockBytes);
    this.#open = open;
  }

  async readChunk(index: number, options?: ReadChunkOptions): Promise<Uint8Array | undefined> {
    return (await raceSignal(this.#source(), options?.signal)).readChunk(index, options);
  }

  async isHole(index: number): Promise<boolean> {
    return (await this.#source()).isHole(index);
  }

  async *readChunks(start: number, end: number, options?: ReadChunkOptions) {
    yield* (await raceSignal(this.#source(), options?.signal)).readChunks(start, end, options);
  }

  async hotChunks(signal?: AbortSignal): Promise<readonly number[]> {
    return (await raceSignal(this.#source(), signal)).hotChunks(signal);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    // One that is still being opened closes itself when it is.
    await this.#opened?.close();
  }

  #source(): Promise<SnapshotSource> {
    this.#opening ??= this.#open().then(
      (source) => {
        if (this.#isClosed) void source.close();
        this.#opened = source;
        return source;
      },
      (thrown: unknown) => {
        this.#opening = undefined;
        throw thrown;
      },
    );
    return this.#opening;
  }
}
