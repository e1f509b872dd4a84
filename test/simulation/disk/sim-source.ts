import { HoldfastError } from '../../../core/errors.ts';
import { asCorrupt } from '../../../agent/snapshot/damage.ts';
import type { SnapshotSource } from '../../../core/snapshot/source.ts';
import type { Random } from './random.ts';
import type { Scheduler, Session } from './scheduler.ts';

/** A snapshot in memory. Chunks of zeroes are holes. */
export interface SimSnapshot {
  bytes: Uint8Array;
  chunkBytes: number;
  /** Fetched first. */
  hot: readonly number[];
}

export function simSource(
  snapshot: SimSnapshot,
  scheduler: Scheduler,
  session: Session,
  faults: { random: Random; failing: number },
  counters: { fetches: number },
): SnapshotSource {
  const { bytes, chunkBytes } = snapshot;
  const chunk = (index: number) => bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes);
  const isHole = (index: number) => chunk(index).every((byte) => byte === 0);
  const fetch = async (index: number, signal?: AbortSignal) => {
    await scheduler.wait(session);
    signal?.throwIfAborted();
    if (isHole(index)) return undefined;
    counters.fetches++;
    if (faults.random.chance(faults.failing)) {
      const code = faults.random.pick(['CORRUPT', 'UNAVAILABLE'] as const);
      throw new HoldfastError(code, `injected: chunk ${index}`);
    }
    return chunk(index);
  };
  return {
    snapshotId: 'snap-sim',
    rootHash: new Uint8Array(32),
    sizeBytes: bytes.length,
    chunkBytes,
    chunkCount: Math.ceil(bytes.length / chunkBytes),
    readChunk: (index, options) => fetch(index, options?.signal),
    isHole: (index) => Promise.resolve(isHole(index)),
    readChunks: async function* (start, end, options) {
      for (let index = start; index < end; index++)
        try {
          yield { index, bytes: await fetch(index, options?.signal) };
        } catch (thrown) {
          yield { index, damage: asCorrupt(thrown) };
        }
    },
    hotChunks: async (signal) => {
      await scheduler.wait(session);
      signal?.throwIfAborted();
      return snapshot.hot;
    },
    close: () => Promise.resolve(),
  };
}
