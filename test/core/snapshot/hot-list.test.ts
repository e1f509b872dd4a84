import {
  decodeHotList,
  encodeHotList,
  hotChunksMax,
  hotListBytesMax,
  mergeHotChunks,
  runsOf,
} from '../../../core/snapshot/hot-list.ts';
import { sha256 } from '../../../core/snapshot/format.ts';

const snapshotId = '01hf7yat00000g40r40m30e209';
const other = '01hf7yat00000g40r40m30e20a';
const decode = (bytes: Uint8Array, chunkCount = 1000) =>
  decodeHotList(bytes, { snapshotId, chunkCount }, 'the list');
const sealed = (body: Uint8Array) => Buffer.concat([body, sha256(body)]);

/** A list whose runs are as given, whatever the rules say. */
function listOf(
  runs: [start: number, count: number][],
  { version = 1, flags = 0, runCount = runs.length } = {},
) {
  const body = Buffer.concat([
    encodeHotList({ snapshotId, chunks: [] }).subarray(0, 32),
    ...runs.map((run) => Buffer.from(Uint32Array.from(run).buffer).swap32()),
  ]);
  body.writeUInt16BE(version, 8);
  body.writeUInt16BE(flags, 10);
  body.writeUInt32BE(runCount, 28);
  return sealed(body);
}

test('an order comes back as it was written', () => {
  const chunks = [7, 8, 9, 3, 2, 500, 501, 0];
  const bytes = encodeHotList({ snapshotId, chunks });
  expect(decode(bytes)).toEqual({ snapshotId, chunks });
  expect(bytes).toHaveLength(32 + 5 * 8 + 32);
  expect(decode(encodeHotList({ snapshotId, chunks: [] })).chunks).toEqual([]);
});

test('the longest list has the greatest length that is read', () => {
  const chunks = Array.from({ length: hotChunksMax }, (_, i) => 2 * (hotChunksMax - i));
  const bytes = encodeHotList({ snapshotId, chunks });
  expect(bytes).toHaveLength(hotListBytesMax);
  expect(decode(bytes, 2 ** 20).chunks).toEqual(chunks);
  expect(() => encodeHotList({ snapshotId, chunks: [...chunks, 1] })).toThrow(RangeError);
});

test('every flipped bit and every cut is found', () => {
  const bytes = encodeHotList({ snapshotId, chunks: [5, 6, 1] });
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const flipped = Uint8Array.from(bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    expect(() => decode(flipped)).toThrow(expect.objectContaining({ code: 'CORRUPT' }));
  }
  for (let length = 0; length < bytes.length; length += 1)
    expect(() => decode(bytes.subarray(0, length))).toThrow(expect.objectContaining({ code: 'CORRUPT' }));
});

test.each([
  ['of another snapshot', encodeHotList({ snapshotId: other, chunks: [1] }), 'CORRUPT'],
  ['with a chunk that the snapshot has not', listOf([[999, 2]]), 'CORRUPT'],
  ['with a run of four thousand million chunks', listOf([[0, 0xffff_ffff]]), 'CORRUPT'],
  ['with more runs than it has bytes', listOf([[1, 1]], { runCount: 60_000 }), 'CORRUPT'],
  ['with more runs than are allowed', listOf([[1, 1]], { runCount: 0xffff_ffff }), 'CORRUPT'],
  ['with flags', listOf([[1, 1]], { flags: 1 }), 'CORRUPT'],
  [
    'with bytes behind its end',
    listOf(
      [
        [1, 1],
        [2, 1],
      ],
      { runCount: 1 },
    ),
    'CORRUPT',
  ],
  ['of a later version', listOf([[1, 1]], { version: 2 }), 'UNSUPPORTED'],
])('a list %s is refused', (_, bytes, code) => {
  expect(() => decode(bytes)).toThrow(expect.objectContaining({ code }));
});

test('what is said twice counts once', () => {
  expect(
    decode(
      listOf([
        [4, 3],
        [5, 3],
      ]),
    ).chunks,
  ).toEqual([4, 5, 6, 7]);
});

test('of two orders the first comes first, and what a smaller volume has not is left out', () => {
  expect(mergeHotChunks([5, 9, 1], [1, 2, 5, 3], 9)).toEqual([5, 1, 2, 3]);
  const all = Array.from({ length: hotChunksMax }, (_, i) => i);
  expect(mergeHotChunks([hotChunksMax + 5], all, 2 ** 20)).toEqual([hotChunksMax + 5, ...all.slice(0, -1)]);
});

test('an order as runs', () => {
  expect(runsOf([])).toEqual([]);
  expect(runsOf([3, 4, 2, 1, 8, 9])).toEqual([
    { start: 3, end: 5 },
    { start: 2, end: 3 },
    { start: 1, end: 2 },
    { start: 8, end: 10 },
  ]);
});
