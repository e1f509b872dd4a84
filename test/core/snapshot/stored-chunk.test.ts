import {
  decodeStoredChunk,
  encodeStoredChunk,
  storedChunkBytes,
} from '../../../core/snapshot/stored-chunk.ts';
import type { ChunkLocation } from '../../../core/snapshot/format.ts';
import { newObjectName, newSnapshotId } from '../../../core/snapshot/names.ts';

const owner = newSnapshotId(1_000, (lengthBytes) => new Uint8Array(lengthBytes).fill(7));
const other = newSnapshotId(1_000, (lengthBytes) => new Uint8Array(lengthBytes).fill(8));
const location: ChunkLocation = {
  pack: newObjectName(owner, (lengthBytes) => new Uint8Array(lengthBytes).fill(9)),
  offsetBytes: 16,
  storedBytes: 2 ** 22,
  algorithm: 'zstd',
  hash: new Uint8Array(32).fill(5),
};

test('where a chunk is stored comes back, for its own upload and place alone', () => {
  const bytes = encodeStoredChunk(location, 2 ** 33);
  expect(bytes).toHaveLength(storedChunkBytes);
  const decoded = decodeStoredChunk(bytes, { owner, index: 2 ** 33 })!;
  expect({ ...decoded, hash: [...decoded.hash] }).toEqual({ ...location, hash: [...location.hash] });
  expect(decodeStoredChunk(bytes, { owner, index: 2 ** 33 + 1 })).toBeUndefined();
  expect(decodeStoredChunk(bytes, { owner, index: 2 ** 33 - 2 ** 32 })).toBeUndefined();
  expect(decodeStoredChunk(bytes, { owner: other, index: 2 ** 33 })).toBeUndefined();
});

test('what was not written, or not in whole, is no place', () => {
  const place = { owner, index: 0 };
  expect(decodeStoredChunk(new Uint8Array(storedChunkBytes), place)).toBeUndefined();
  const bytes = encodeStoredChunk({ ...location, algorithm: 'raw' }, 0);
  expect(decodeStoredChunk(bytes, place)).toMatchObject({ algorithm: 'raw' });
  for (let at = 0; at < storedChunkBytes; at += 1) {
    const damaged = bytes.slice();
    damaged[at]! ^= 1;
    expect(decodeStoredChunk(damaged, place)).toBeUndefined();
  }
});
