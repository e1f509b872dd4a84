import { randomBytes } from 'node:crypto';
import type { Bucket } from '../../agent/s3/bucket.ts';
import {
  createSnapshot,
  type CreateResult,
  type CreateSnapshotOptions,
} from '../../agent/snapshot/create-snapshot.ts';
import type { SnapshotInput } from '../../agent/snapshot/snapshot-input.ts';
import type { SnapshotSource } from '../../core/snapshot/source.ts';

/** Bytes in memory as the source of a snapshot; `reads` lists the chunks that were asked for. */
export function inputOf(bytes: Uint8Array): SnapshotInput & { reads: number[] } {
  const reads: number[] = [];
  return {
    sizeBytes: bytes.length,
    reads,
    async readChunk({ index, offsetBytes, lengthBytes }) {
      reads.push(index);
      return bytes.slice(offsetBytes, offsetBytes + lengthBytes);
    },
  };
}

/** A real snapshot of `bytes` in `bucket`, with chunks of 4 KiB unless told otherwise. */
export const snapshotOf = (
  bucket: Bucket,
  bytes: Uint8Array,
  options: Partial<CreateSnapshotOptions> = {},
): Promise<CreateResult> =>
  createSnapshot({
    bucket,
    source: inputOf(bytes),
    volumeId: 'test',
    ...(options.parentId === undefined && { chunkBytes: 4096 }),
    now: Date.now,
    random: randomBytes,
    ...options,
  });

/** All plain bytes of a snapshot, holes as zeroes. */
export async function plainBytesIn(snapshot: SnapshotSource): Promise<Uint8Array> {
  const plain = new Uint8Array(snapshot.sizeBytes);
  for await (const read of snapshot.readChunks(0, snapshot.chunkCount)) {
    if (read.damage) throw read.damage;
    if (read.bytes) plain.set(read.bytes, read.index * snapshot.chunkBytes);
  }
  return plain;
}

/** The same pseudorandom bytes for the same seed; half of the chunks compress well, one in four is zero. */
export function someBytes(lengthBytes: number, seed: number, chunkBytes = 4096): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  let state = seed + 1;
  const next = () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) >>> 16;
  for (let start = 0; start < lengthBytes; start += chunkBytes) {
    const kind = next() % 4;
    const end = Math.min(lengthBytes, start + chunkBytes);
    if (kind === 0) continue;
    for (let position = start; position < end; position += 1) {
      if (kind === 1) bytes[position] = next();
      else bytes[position] = ((position >> 5) + seed) & 0xff;
    }
  }
  return bytes;
}

export async function toArray<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
