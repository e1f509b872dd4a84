import { HoldfastError } from '../../../core/errors.ts';
import { sha256, type ChunkEntry, type PageRef, type SnapshotRoot } from '../../../core/snapshot/format.ts';
import { formatLimits, geometryOf, plainBytesOf } from '../../../core/snapshot/geometry.ts';
import {
  checkSnapshotId,
  decodeId,
  encodeId,
  isSnapshotId,
  newObjectName,
  newSnapshotId,
} from '../../../core/snapshot/names.ts';
import { decodeIndex, decodeLeaf, encodeIndex, encodeLeaf } from '../../../core/snapshot/page-codec.ts';
import { decodeRoot, encodeRoot } from '../../../core/snapshot/root-codec.ts';
import { seeded } from '../../support/random.ts';

const chunkBytes = 4096;

class Arbitrary {
  readonly next: () => number;
  constructor(seed: number) {
    this.next = seeded(seed);
  }
  below = (bound: number): number => Math.floor(this.next() * bound);
  bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => this.below(256));
  id = (): string => newSnapshotId(this.below(2 ** 47), this.bytes);
  name = (): string => newObjectName(this.id(), this.bytes);
  ref = (): PageRef => (this.below(4) === 0 ? undefined : { name: this.name(), hash: this.bytes(32) });

  entries(count: number): ChunkEntry[] {
    const packs = Array.from({ length: 1 + this.below(count) }, this.name);
    return Array.from({ length: count }, () => {
      if (this.below(3) === 0) return undefined;
      const raw = this.below(2) === 0;
      return {
        pack: packs[this.below(packs.length)]!,
        offsetBytes: 16 + this.below(8 * 1024 * 1024),
        storedBytes: raw ? chunkBytes : 1 + this.below(chunkBytes - 1),
        algorithm: raw ? 'raw' : 'zstd',
        hash: this.bytes(32),
      };
    });
  }

  root(): SnapshotRoot {
    const sizeBytes = 1 + this.below(40 * 1024 * chunkBytes);
    const { rootRefCount, chunkCount } = geometryOf(sizeBytes, chunkBytes);
    return {
      snapshotId: this.id(),
      parentId: this.below(2) === 0 ? undefined : this.id(),
      volumeId: 'volume.1_a-B'.slice(0, 1 + this.below(12)),
      sizeBytes,
      chunkBytes,
      createdAtMs: this.below(2 ** 41),
      uploadedBytes: this.below(2 ** 50),
      newChunkCount: this.below(chunkCount + 1),
      refs: Array.from({ length: rootRefCount }, this.ref),
    };
  }
}

/** Comparable at a glance, and much faster than element by element. */
const text = (value: unknown): string =>
  JSON.stringify(value, (_, each: unknown) =>
    ArrayBuffer.isView(each) ? Buffer.from(each as Uint8Array).toString('hex') : each,
  );

const inOrder = (entry: ChunkEntry) => entry && Object.entries(entry).sort();

const seeds = Array.from({ length: 100 }, (_, seed) => seed);
const codeOf = (work: () => unknown): string => {
  try {
    work();
    return 'none';
  } catch (error) {
    return error instanceof HoldfastError ? error.code : `not ours: ${String(error)}`;
  }
};

test('every id, leaf, index and root is the same after a round trip', () => {
  for (const seed of seeds) {
    const any = new Arbitrary(seed);
    const id = any.id();
    expect(decodeId(encodeId(id))).toBe(id);
    const entries = any.entries(1 + any.below(60));
    const leaf = decodeLeaf(encodeLeaf(entries), entries.length, () => chunkBytes, 'leaf');
    expect(text(leaf.map(inOrder))).toBe(text(entries.map(inOrder)));
    const refs = Array.from({ length: 1 + any.below(60) }, any.ref);
    expect(text(decodeIndex(encodeIndex(refs), refs.length, 'index'))).toBe(text(refs));
    const root = any.root();
    const { geometry, ...decoded } = decodeRoot(encodeRoot(root), 'root');
    expect(geometry).toEqual(geometryOf(root.sizeBytes, root.chunkBytes));
    expect(text(Object.entries(decoded).sort())).toBe(text(Object.entries(root).sort()));
  }
});

test('the largest pages and roots stay within the bounds that readers allow', () => {
  const any = new Arbitrary(7);
  const entry = () => ({
    ...any.entries(1)[0]!,
    pack: any.name(),
    storedBytes: 1,
    algorithm: 'zstd' as const,
  });
  const full = Array.from({ length: formatLimits.fanout }, () => ({
    ...entry(),
    offsetBytes: 16,
    hash: any.bytes(32),
  }));
  expect(encodeLeaf(full).length).toBeLessThanOrEqual(formatLimits.pageBytesMax);
  const refs = Array.from({ length: formatLimits.fanout }, () => ({ name: any.name(), hash: any.bytes(32) }));
  expect(encodeIndex(refs).length).toBeLessThanOrEqual(formatLimits.pageBytesMax);
  const root = {
    ...any.root(),
    sizeBytes: formatLimits.fanout ** 3 * chunkBytes,
    refs,
    volumeId: 'v'.repeat(64),
  };
  expect(encodeRoot(root).length).toBeLessThanOrEqual(formatLimits.rootBytesMax);
});

test('a root with any bit flipped, cut short or made longer is CORRUPT', () => {
  const bytes = encodeRoot({ ...new Arbitrary(1).root(), sizeBytes: 3000, refs: [undefined] });
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const flipped = bytes.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    expect(codeOf(() => decodeRoot(flipped, 'root'))).toBe('CORRUPT');
  }
  for (let length = 0; length < bytes.length; length += 1)
    expect(codeOf(() => decodeRoot(bytes.subarray(0, length), 'root'))).toBe('CORRUPT');
  expect(codeOf(() => decodeRoot(Buffer.concat([bytes, bytes]), 'root'))).toBe('CORRUPT');
});

test('a page whose bytes are anything at all is decoded or refused with a code, never worse', () => {
  for (const seed of seeds.slice(0, 40)) {
    const any = new Arbitrary(seed);
    const entries = any.entries(1 + any.below(20));
    const bytes = encodeLeaf(entries);
    for (let change = 0; change < 40; change += 1) {
      const changed = bytes.slice(0, any.below(3) === 0 ? any.below(bytes.length) : bytes.length);
      if (changed.length > 0) changed[any.below(changed.length)] = any.below(256);
      const decode = () => decodeLeaf(changed, entries.length, () => chunkBytes, 'leaf');
      expect(['none', 'CORRUPT', 'UNSUPPORTED']).toContain(codeOf(decode));
      expect(codeOf(() => decodeIndex(changed, entries.length, 'leaf'))).toMatch(/CORRUPT|UNSUPPORTED/);
    }
  }
});

test('what a writer must not write is refused by readers', () => {
  const any = new Arbitrary(3);
  const hash = any.bytes(32);
  const good = { pack: any.name(), offsetBytes: 16, storedBytes: 10, algorithm: 'zstd' as const, hash };
  const decode = (entry: ChunkEntry) =>
    codeOf(() => decodeLeaf(encodeLeaf([entry]), 1, () => chunkBytes, 'leaf'));
  expect(decode(good)).toBe('none');
  expect(decode({ ...good, offsetBytes: 15 })).toBe('CORRUPT');
  expect(decode({ ...good, storedBytes: 0 })).toBe('CORRUPT');
  expect(decode({ ...good, storedBytes: chunkBytes })).toBe('CORRUPT');
  expect(decode({ ...good, algorithm: 'raw' })).toBe('CORRUPT');
  expect(decode({ ...good, offsetBytes: formatLimits.packBytesMax })).toBe('CORRUPT');
  const leaf = encodeLeaf([good, good]);
  expect(codeOf(() => decodeLeaf(leaf, 1, () => chunkBytes, 'leaf'))).toBe('CORRUPT');
  leaf[15] = 2;
  expect(codeOf(() => decodeLeaf(leaf, 2, () => chunkBytes, 'leaf'))).toBe('CORRUPT');
});

test('a newer version is UNSUPPORTED and says so', () => {
  const bytes = encodeRoot({ ...new Arbitrary(5).root(), sizeBytes: 3000, refs: [undefined] });
  bytes[9] = 2;
  bytes.set(sha256(bytes.subarray(0, -32)), bytes.length - 32);
  expect(codeOf(() => decodeRoot(bytes, 'root'))).toBe('UNSUPPORTED');
});

test.each([
  [0, 4096],
  [-1, 4096],
  [1.5, 4096],
  [Number.NaN, 4096],
  [100, 2048],
  [100, 8 * 1024 * 1024],
  [100, 5000],
  [2 ** 53 - 1, 4096],
])('a volume of %p bytes in chunks of %p is INVALID_INPUT', (sizeBytes, bytes) => {
  expect(codeOf(() => geometryOf(sizeBytes, bytes))).toBe('INVALID_INPUT');
});

test('chunks cover a volume exactly, on one level and on two', () => {
  for (const chunkCount of [1, 2, 1024, 1025, 1024 ** 2, 1024 ** 2 + 1, 1024 ** 3]) {
    const geometry = geometryOf(chunkCount * chunkBytes - 1, chunkBytes);
    expect(geometry.chunkCount).toBe(chunkCount);
    expect(plainBytesOf(geometry, chunkCount - 1)).toBe(chunkBytes - 1);
    expect(geometry.levels).toBe(chunkCount <= 1024 ** 2 ? 1 : 2);
    expect(geometry.rootRefCount).toBeLessThanOrEqual(1024);
  }
});

test('ids sort by time and nothing else passes for one', () => {
  const any = new Arbitrary(9);
  const ids = [5, 1, 9_000_000, 3].map((timeMs) => newSnapshotId(timeMs, any.bytes));
  expect([...ids].sort()).toEqual([ids[1], ids[3], ids[0], ids[2]]);
  const good = ids[0]!;
  for (const bad of [
    '',
    `${good}0`,
    good.slice(1),
    good.toUpperCase().replace(/\d/g, 'A'),
    `8${good.slice(1)}`,
    '../../etc/passwd',
  ])
    expect(isSnapshotId(bad)).toBe(false);
  expect(codeOf(() => checkSnapshotId('x/y'))).toBe('INVALID_INPUT');
});
