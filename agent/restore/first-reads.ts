import { hotChunksMax } from '../../core/snapshot/hot-list.ts';

const grainBytes = 256 * 1024;

/** The order in which clients first read the parts of a volume, in grains of 256 KiB. Bounded. */
export class FirstReads {
  readonly #grains = new Set<number>();

  get isEmpty(): boolean {
    return this.#grains.size === 0;
  }

  readonly note = (offsetBytes: number, lengthBytes: number): void => {
    if (lengthBytes <= 0) return;
    const last = Math.floor((offsetBytes + lengthBytes - 1) / grainBytes);
    for (let grain = Math.floor(offsetBytes / grainBytes); grain <= last; grain += 1) {
      if (this.#grains.size >= hotChunksMax) return;
      this.#grains.add(grain);
    }
  };

  clear(): void {
    this.#grains.clear();
  }

  /** The same order in chunks of a snapshot, each once. */
  chunks(chunkBytes: number): number[] {
    const chunks = new Set<number>();
    const perGrain = Math.max(1, grainBytes / chunkBytes);
    for (const grain of this.#grains) {
      const first = Math.floor((grain * grainBytes) / chunkBytes);
      for (let chunk = first; chunk < first + perGrain && chunks.size < hotChunksMax; chunk += 1)
        chunks.add(chunk);
    }
    return [...chunks];
  }
}
