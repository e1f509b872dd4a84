import { HoldfastError } from '../../core/errors.ts';
import type { SnapshotSource } from '../../core/snapshot/source.ts';
import { ByteBudget } from './byte-budget.ts';
import type { Clock } from './target-disk.ts';
import type { WorkItem } from './work-item.ts';

/** What clients' reads may hold in memory on its way to the disk. */
const demandBytesMax = 64 * 1024 * 1024;
const retryMsMin = 250;
const retryMsMax = 15_000;

/** `eio`: a chunk that cannot be fetched fails the read; `hang`: the read waits until it can. */
export type FetchErrorPolicy = 'eio' | 'hang';

/** Fetches chunks for clients, in a bounded amount of memory. */
export class ChunkLoader {
  readonly #source: SnapshotSource;
  readonly #clock: Clock;
  readonly #policy: FetchErrorPolicy;
  readonly #budget = new ByteBudget(demandBytesMax);

  constructor(p: { source: SnapshotSource; clock: Clock; policy: FetchErrorPolicy }) {
    this.#source = p.source;
    this.#clock = p.clock;
    this.#policy = p.policy;
  }

  /** The item's chunk; undefined for a hole and behind the snapshot's end. Its memory counts until it is settled. */
  async load(item: WorkItem, signal?: AbortSignal): Promise<Uint8Array | undefined> {
    if (item.block >= this.#source.chunkCount) return undefined;
    const bytes = this.#source.chunkBytes;
    await this.#budget.acquire(bytes);
    const release = () => this.#budget.release(bytes);
    try {
      const chunk = await this.#fetch(item, signal);
      void item.settled.then(release, release);
      return chunk;
    } catch (thrown) {
      release();
      throw thrown;
    }
  }

  async #fetch(item: WorkItem, signal?: AbortSignal): Promise<Uint8Array | undefined> {
    const { block } = item;
    const onLent = (release: () => void): void => item.releaseWhenSettled(release);
    for (let waitMs = retryMsMin; ; waitMs = Math.min(waitMs * 2, retryMsMax)) {
      try {
        const chunk = await this.#source.readChunk(block, { priority: 'demand', signal, onLent });
        const damage = wrongLength(this.#source, block, chunk);
        if (damage) throw damage;
        return chunk;
      } catch (thrown) {
        if (this.#policy === 'eio' || signal?.aborted) throw thrown;
        await this.#clock.sleep(waitMs, signal);
      }
    }
  }
}

/** CORRUPT where the source breaks its word about a chunk's length. */
export function wrongLength(
  source: SnapshotSource,
  index: number,
  chunk: Uint8Array | undefined,
): HoldfastError | undefined {
  const expected = Math.min(source.chunkBytes, source.sizeBytes - index * source.chunkBytes);
  if (!chunk || chunk.length === expected) return undefined;
  return new HoldfastError(
    'CORRUPT',
    `chunk ${index} of snapshot ${source.snapshotId} has ${chunk.length} bytes, not ${expected}`,
  );
}
