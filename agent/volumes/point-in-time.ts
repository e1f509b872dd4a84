import { HoldfastError } from '../../core/errors.ts';
import type { SnapshotInput } from '../snapshot/snapshot-input.ts';

/** What clients overwrite while a snapshot runs is kept in memory until the snapshot has taken it. */
const keptBytesMax = 128 * 1024 * 1024;

/**
 * A volume as it was at one moment, while clients go on writing: a chunk that is about to change is copied first.
 * Where the copies become too many the snapshot fails, never the client's write.
 */
export class PointInTime implements SnapshotInput {
  readonly sizeBytes: number;
  readonly #chunkBytes: number;
  readonly #read: (into: Uint8Array, offsetBytes: number) => Promise<void>;
  /** Chunks that the snapshot does not want need no copy. */
  readonly #isWanted: (index: number) => boolean;
  readonly #taken = new Set<number>();
  readonly #reading = new Map<number, Promise<Uint8Array>>();
  readonly #kept = new Map<number, Uint8Array>();
  readonly #keptBytesMax: number;
  #keptBytes = 0;
  #failure: HoldfastError | undefined;

  constructor(p: {
    sizeBytes: number;
    chunkBytes: number;
    read: (into: Uint8Array, offsetBytes: number) => Promise<void>;
    isWanted: (index: number) => boolean;
    keptBytesMax?: number;
  }) {
    this.sizeBytes = p.sizeBytes;
    this.#chunkBytes = p.chunkBytes;
    this.#read = p.read;
    this.#isWanted = p.isWanted;
    this.#keptBytesMax = p.keptBytesMax ?? keptBytesMax;
  }

  async readChunk({ index }: { index: number }): Promise<Uint8Array | undefined> {
    if (this.#failure) throw this.#failure;
    const kept = this.#kept.get(index);
    const bytes = kept ?? (await this.#load(index));
    if (this.#failure) throw this.#failure;
    this.#taken.add(index);
    if (this.#kept.delete(index)) this.#keptBytes -= bytes.length;
    return bytes;
  }

  /** Resolves when the range may be overwritten. Never rejects. */
  async beforeChange(offsetBytes: number, lengthBytes: number): Promise<void> {
    const end = Math.ceil((offsetBytes + lengthBytes) / this.#chunkBytes);
    for (let index = Math.floor(offsetBytes / this.#chunkBytes); index < end; index++) {
      if (this.#failure || this.#taken.has(index) || this.#kept.has(index) || !this.#isWanted(index))
        continue;
      await this.#keep(index);
    }
  }

  async #keep(index: number): Promise<void> {
    try {
      const bytes = await this.#load(index);
      if (this.#taken.has(index) || this.#kept.has(index)) return;
      if (this.#keptBytes + bytes.length > this.#keptBytesMax)
        throw new HoldfastError('NO_SPACE', 'too much was overwritten while the snapshot ran', {
          hint: 'take it again when less is being written',
        });
      this.#kept.set(index, bytes);
      this.#keptBytes += bytes.length;
    } catch (thrown) {
      this.#failure ??=
        thrown instanceof HoldfastError
          ? thrown
          : new HoldfastError('IO', `chunk ${index} could not be copied before it changed`, {
              cause: thrown,
            });
      this.#kept.clear();
    }
  }

  /** One read a chunk at a time, shared, so that a change never falls into the middle of it. */
  #load(index: number): Promise<Uint8Array> {
    const running = this.#reading.get(index);
    if (running) return running;
    const offset = index * this.#chunkBytes;
    const bytes = new Uint8Array(Math.min(this.#chunkBytes, this.sizeBytes - offset));
    const loading = this.#read(bytes, offset)
      .then(() => bytes)
      .finally(() => this.#reading.delete(index));
    this.#reading.set(index, loading);
    return loading;
  }
}
