import { readFileSync } from 'node:fs';
import { openSnapshot } from '../../../agent/snapshot/open-snapshot.ts';
import { packHeader, sha256 } from '../../../core/snapshot/format.ts';
import { newSnapshotId, snapshotIdTimeMs } from '../../../core/snapshot/names.ts';
import { decodeHotList, encodeHotList } from '../../../core/snapshot/hot-list.ts';
import { decodeIndex, decodeLeaf, encodeIndex, encodeLeaf } from '../../../core/snapshot/page-codec.ts';
import { decodeRoot, encodeRoot } from '../../../core/snapshot/root-codec.ts';
import { MemoryBucket } from '../../support/memory-bucket.ts';

/** The vectors of docs/snapshot-format.md: what that page shows is what the code reads and writes. */
const page = readFileSync(new URL('../../../docs/snapshot-format.md', import.meta.url), 'utf8');
const vector = (name: string): string => {
  const found = new RegExp(`\`\`\`text ${name}\n([^\`]*)\n\`\`\``).exec(page);
  if (!found) throw new Error(`the page has no vector “${name}”`);
  return found[1]!.replaceAll('\n', '');
};
const bytesOf = (name: string) => new Uint8Array(Buffer.from(vector(name), 'hex'));
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

const hashOf = (bytes: Uint8Array) => new Uint8Array(sha256(bytes));

const id = vector('id');
const packName = `${id}/${'11'.repeat(16)}`;
const pageName = `${id}/${'22'.repeat(16)}`;
const chunk0 = Buffer.alloc(4096, 'a');
const chunk2 = Uint8Array.from({ length: 100 }, (_, index) => index);
const plainBytes = (entry: number) => (entry === 2 ? 100 : 4096);
const entries = [
  { pack: packName, offsetBytes: 16, storedBytes: 19, algorithm: 'zstd' as const, hash: hashOf(chunk0) },
  undefined,
  { pack: packName, offsetBytes: 35, storedBytes: 100, algorithm: 'raw' as const, hash: hashOf(chunk2) },
];
const leafRef = { name: pageName, hash: hashOf(bytesOf('leaf')) };
const root = {
  snapshotId: id,
  parentId: undefined,
  volumeId: 'vol1',
  sizeBytes: 8292,
  chunkBytes: 4096,
  createdAtMs: 1_700_000_000_000,
  uploadedBytes: 270,
  newChunkCount: 2,
  refs: [leafRef],
};

test('the id', () => {
  const random = (length: number) => Uint8Array.from({ length }, (_, index) => index);
  expect(newSnapshotId(1_700_000_000_000, random)).toBe(id);
  expect(snapshotIdTimeMs(id)).toBe(1_700_000_000_000);
});

test('the pack starts with the header', () => {
  expect(vector('pack').startsWith(hex(packHeader()))).toBe(true);
});

test('the hot list, both ways', () => {
  const list = { snapshotId: id, chunks: [2, 0, 1] };
  expect(hex(encodeHotList(list))).toBe(vector('hot-list'));
  expect(decodeHotList(bytesOf('hot-list'), { snapshotId: id, chunkCount: 3 }, 'list')).toEqual(list);
});

test('the leaf, both ways', () => {
  expect(hex(encodeLeaf(entries))).toBe(vector('leaf'));
  expect(decodeLeaf(bytesOf('leaf'), 3, plainBytes, 'leaf')).toEqual(entries);
});

test('the index, both ways', () => {
  expect(hex(encodeIndex([undefined, leafRef]))).toBe(vector('index'));
  expect(decodeIndex(bytesOf('index'), 2, 'index')).toEqual([undefined, leafRef]);
});

test('the root, both ways', () => {
  expect(hex(encodeRoot(root))).toBe(vector('root'));
  expect(decodeRoot(bytesOf('root'), 'root')).toMatchObject(root);
  expect(hex(sha256(bytesOf('root')))).toBe(vector('root-hash'));
});

test('the objects together are the volume', async () => {
  const bucket = new MemoryBucket();
  await bucket.put(`packs/${packName}`, bytesOf('pack'));
  await bucket.put(`pages/${pageName}`, bytesOf('leaf'));
  await bucket.put(`snapshots/${id}`, bytesOf('root'));
  const snapshot = await openSnapshot(bucket, id, { rootHash: bytesOf('root-hash') });
  expect(hex((await snapshot.readChunk(0))!)).toBe(hex(chunk0));
  expect(await snapshot.readChunk(1)).toBeUndefined();
  expect(hex((await snapshot.readChunk(2))!)).toBe(hex(chunk2));
});
