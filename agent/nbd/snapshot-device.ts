import pLimit from 'p-limit';
import type { BlockDevice, Extent } from '../../core/block-device.ts';
import { HoldfastError } from '../../core/errors.ts';
import type { SnapshotSource } from '../../core/snapshot/source.ts';
import { BoundedCache } from '../snapshot/bounded-cache.ts';

/** Chunks are verified as a whole, so a small read fetches one; neighbours that follow it find it here. */
const cacheBytes = 64 * 1024 * 1024;
/** Chunks that one request fetches at the same time. */
const fetchesPerRequest = 8;
/** Block status looks into this many chunks a call: it may have to fetch manifest pages. */
const statusChunksMax = 4096;

/**
 * A snapshot as a read-only block device: nothing is restored and no target is needed. Every byte that is read was
 * verified. Reads throw what the source throws (CORRUPT, IO, UNAVAILABLE). `close` closes the source.
 */
export function snapshotDevice(source: SnapshotSource): BlockDevice {
  const { sizeBytes, chunkBytes, snapshotId } = source;
  const cachedChunksMax = Math.max(fetchesPerRequest, Math.floor(cacheBytes / chunkBytes));
  const cache = new BoundedCache<Uint8Array | undefined>(cachedChunksMax);
  const chunk = (index: number): Promise<Uint8Array | undefined> =>
    cache.get(String(index), () => source.readChunk(index, { priority: 'demand' }));

  const copyChunk = async (index: number, into: Uint8Array, offsetBytes: number): Promise<void> => {
    const chunkStart = index * chunkBytes;
    const from = Math.max(offsetBytes, chunkStart);
    const end = Math.min(offsetBytes + into.length, chunkStart + chunkBytes);
    const target = into.subarray(from - offsetBytes, end - offsetBytes);
    const bytes = await chunk(index);
    if (bytes) target.set(bytes.subarray(from - chunkStart, end - chunkStart));
    else target.fill(0);
  };
  const readOnly = (): Promise<never> =>
    Promise.reject(new HoldfastError('FORBIDDEN', `snapshot ${snapshotId} is read-only`));

  return {
    sizeBytes,
    readOnly: true,
    blockSize: {
      minBytes: 1,
      preferredBytes: Math.max(4096, powerOfTwoBelow(chunkBytes)),
      maxBytes: 32 * 1024 * 1024,
    },
    read: async (into, offsetBytes) => {
      const first = Math.floor(offsetBytes / chunkBytes);
      const last = Math.floor((offsetBytes + into.length - 1) / chunkBytes);
      if (first === last) return copyChunk(first, into, offsetBytes);
      const limit = pLimit(fetchesPerRequest);
      const copies: Promise<void>[] = [];
      for (let i = first; i <= last; i++) copies.push(limit(() => copyChunk(i, into, offsetBytes)));
      await Promise.all(copies);
    },
    write: readOnly,
    trim: readOnly,
    writeZeroes: readOnly,
    flush: () => Promise.resolve(),
    /** As much as half of the cache holds; what lies behind that would push it out again. */
    prefetch: async (offsetBytes, lengthBytes) => {
      const first = Math.floor(offsetBytes / chunkBytes);
      const last = Math.floor((offsetBytes + lengthBytes - 1) / chunkBytes);
      const end = Math.min(last + 1, first + Math.ceil(cachedChunksMax / 2));
      const limit = pLimit(fetchesPerRequest);
      const fetches: Promise<unknown>[] = [];
      for (let i = first; i < end; i++) fetches.push(limit(() => chunk(i)));
      await Promise.all(fetches);
    },
    blockStatus: async (context, offsetBytes, lengthBytes, maxExtents) => {
      if (context !== 'base:allocation') return [{ lengthBytes, flags: 0 }];
      return holes(source, offsetBytes, lengthBytes, maxExtents);
    },
    close: () => source.close(),
  };
}

async function holes(
  source: SnapshotSource,
  offsetBytes: number,
  lengthBytes: number,
  maxExtents: number,
): Promise<Extent[]> {
  const { chunkBytes } = source;
  const end = offsetBytes + lengthBytes;
  const found: Extent[] = [];
  let at = offsetBytes;
  for (let looked = 0; at < end && looked < statusChunksMax; looked++) {
    const index = Math.floor(at / chunkBytes);
    const flags = (await source.isHole(index)) ? 3 : 0;
    const until = Math.min(end, (index + 1) * chunkBytes);
    const last = found.at(-1);
    if (last?.flags === flags) last.lengthBytes += until - at;
    else if (found.length === maxExtents) break;
    else found.push({ lengthBytes: until - at, flags });
    at = until;
  }
  return found;
}

/** Block sizes on the wire are powers of two; a chunk is a multiple of 4 KiB only. */
function powerOfTwoBelow(value: number): number {
  return 2 ** Math.floor(Math.log2(value));
}
