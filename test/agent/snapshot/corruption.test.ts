import { randomBytes } from 'node:crypto';
import type { RangeOptions } from '../../../agent/s3/bucket.ts';
import { openSnapshot } from '../../../agent/snapshot/open-snapshot.ts';
import { verifySnapshot } from '../../../agent/snapshot/verify-snapshot.ts';
import { inlineTransfers } from '../../../agent/transfer/transfers.ts';
import { HoldfastError } from '../../../core/errors.ts';
import type { ReadChunk } from '../../../core/snapshot/source.ts';
import { MemoryBucket } from '../../support/memory-bucket.ts';
import { seeded } from '../../support/random.ts';
import { plainBytesIn, snapshotOf, someBytes } from '../../support/snapshots.ts';

/** Ten chunks: raw, compressed and holes, and a short last one. */
const bytes = someBytes(9 * 4096 + 500, 8);
bytes.fill(3, 9 * 4096);
let bucket: MemoryBucket;
let snapshotId: string;
let rootHash: Uint8Array;
beforeEach(async () => {
  bucket = new MemoryBucket();
  ({ snapshotId, rootHash } = await snapshotOf(bucket, bytes));
});

/** Every chunk as it reads, an error where it does. */
async function readAll(): Promise<(Uint8Array | undefined | HoldfastError)[]> {
  const snapshot = await openSnapshot(bucket, snapshotId, { rootHash });
  const read = (index: number) =>
    snapshot.readChunk(index).catch((error: unknown) => {
      if (error instanceof HoldfastError) return error;
      throw error;
    });
  return Promise.all(Array.from({ length: snapshot.chunkCount }, (_, index) => read(index)));
}

function expectRightOrCorrupt(chunks: Awaited<ReturnType<typeof readAll>>): number {
  let damaged = 0;
  chunks.forEach((chunk, index) => {
    if (chunk instanceof HoldfastError) {
      expect(chunk).toMatchObject({ code: 'CORRUPT', message: expect.stringContaining(snapshotId) });
      damaged += 1;
      return;
    }
    const plain = chunk ?? Buffer.alloc(Math.min(4096, bytes.length - index * 4096));
    expect(Buffer.compare(plain, bytes.subarray(index * 4096, (index + 1) * 4096))).toBe(0);
  });
  return damaged;
}

test('a flipped bit anywhere is named and never read as data', async () => {
  const random = seeded(1);
  for (const key of [...bucket.keys('packs/'), ...bucket.keys('pages/')]) {
    const object = bucket.objects.get(key)!;
    // A pack's header carries no data; everything behind it and every bit of a page does.
    const first = key.startsWith('packs/') ? 16 : 0;
    for (let round = 0; round < 150; round += 1) {
      const at = first + Math.floor(random() * (object.length - first));
      object[at]! ^= 1 << (round % 8);
      expect(expectRightOrCorrupt(await readAll())).toBeGreaterThan(0);
      object[at]! ^= 1 << (round % 8);
    }
  }
  expect(expectRightOrCorrupt(await readAll())).toBe(0);
});

test('a flipped bit in the root is found when it is opened', async () => {
  const root = bucket.objects.get(`snapshots/${snapshotId}`)!;
  for (let bit = 0; bit < root.length * 8; bit += 1) {
    root[bit >> 3]! ^= 1 << (bit & 7);
    await expect(openSnapshot(bucket, snapshotId)).rejects.toMatchObject({ code: 'CORRUPT' });
    root[bit >> 3]! ^= 1 << (bit & 7);
  }
});

test('objects that were cut short, emptied, exchanged or deleted are named', async () => {
  const other = await snapshotOf(bucket, someBytes(bytes.length, 99));
  for (const folder of ['packs', 'pages']) {
    const key = bucket.keys(`${folder}/${snapshotId}`)[0]!;
    const good = bucket.objects.get(key)!;
    const foreign = bucket.objects.get(bucket.keys(`${folder}/${other.snapshotId}`)[0]!)!;
    for (const bad of [good.slice(0, -1), new Uint8Array(0), foreign, undefined]) {
      if (bad) bucket.objects.set(key, bad);
      else bucket.objects.delete(key);
      const chunks = await readAll();
      expect(expectRightOrCorrupt(chunks)).toBeGreaterThan(0);
      const messages = chunks.filter((chunk) => chunk instanceof HoldfastError).map(({ message }) => message);
      expect(messages.every((message) => message.includes(key))).toBe(true);
      bucket.objects.set(key, good);
    }
  }
});

test('a whole snapshot under another’s name, or another root than expected, is refused', async () => {
  const other = await snapshotOf(bucket, someBytes(bytes.length, 98));
  await expect(openSnapshot(bucket, snapshotId, { rootHash: other.rootHash })).rejects.toMatchObject({
    code: 'CORRUPT',
  });
  bucket.objects.set(`snapshots/${snapshotId}`, bucket.objects.get(`snapshots/${other.snapshotId}`)!);
  await expect(openSnapshot(bucket, snapshotId)).rejects.toMatchObject({ code: 'CORRUPT' });
});

test('one damaged chunk leaves its neighbours in the same request readable, and is named there', async () => {
  const snapshot = await openSnapshot(bucket, snapshotId);
  const stored = (await snapshot.leaf(0))!.flatMap((entry, index) => (entry ? [{ ...entry, index }] : []));
  const victim = stored[2]!;
  bucket.objects.get(`packs/${victim.pack}`)![victim.offsetBytes]! ^= 0x10;
  const got: ReadChunk[] = [];
  for await (const read of snapshot.readChunks(0, snapshot.chunkCount)) got.push(read);
  expect(got.map(({ index }) => index)).toEqual(
    Array.from({ length: snapshot.chunkCount }, (_, index) => index),
  );
  expect(got.flatMap(({ index, damage }) => (damage ? [[index, damage.code, damage.message]] : []))).toEqual([
    [victim.index, 'CORRUPT', expect.stringContaining(`chunk ${victim.index} `)],
  ]);
});

test('asks once for a run of chunks whose pack is gone', async () => {
  const packs = bucket.keys('packs/');
  for (const pack of packs) bucket.objects.delete(pack);
  bucket.counts.getRange = 0;
  const { damagedChunks, dataChunks, damage } = await verifySnapshot(bucket, snapshotId);
  expect(damagedChunks).toBe(dataChunks);
  for (const { message } of damage) expect(message).toMatch(/ is missing$/);
  // Neighbours share a request; a hole between them does not part them.
  expect(bucket.counts.getRange).toBe(packs.length);
});

test('verify goes on after damage and names all of it', async () => {
  const entries = (await (await openSnapshot(bucket, snapshotId)).leaf(0))!;
  const victims = entries.flatMap((entry, index) => (entry && index % 2 === 1 ? [{ ...entry, index }] : []));
  for (const { pack, offsetBytes } of victims) bucket.objects.get(`packs/${pack}`)![offsetBytes]! ^= 1;
  const result = await verifySnapshot(bucket, snapshotId);
  expect(result.damage.map(({ firstChunk }) => firstChunk)).toEqual(victims.map(({ index }) => index));
  expect(result.damagedChunks).toBe(victims.length);
  bucket.objects.delete(bucket.keys('pages/')[0]!);
  expect(await verifySnapshot(bucket, snapshotId)).toMatchObject({
    damagedChunks: 10,
    damage: [{ firstChunk: 0, chunkCount: 10, message: expect.stringContaining('pages/') }],
  });
});

test('a chunk that would unpack to more than its length is refused within it', async () => {
  const { constants, zstdCompressSync } = await import('node:zlib');
  const { encodeLeaf } = await import('../../../core/snapshot/page-codec.ts');
  const { encodeRoot } = await import('../../../core/snapshot/root-codec.ts');
  const { sha256 } = await import('../../../core/snapshot/format.ts');
  const bomb = zstdCompressSync(Buffer.alloc(64 * 1024 * 1024), {
    params: { [constants.ZSTD_c_compressionLevel]: 19 },
  }).subarray(0, 4095);
  const name = `${snapshotId}/${'ab'.repeat(16)}`;
  const hash = sha256(Buffer.alloc(4096));
  const leaf = encodeLeaf([
    { pack: name, offsetBytes: 16, storedBytes: bomb.length, algorithm: 'zstd', hash },
  ]);
  const described = { volumeId: 'v', sizeBytes: 4096, chunkBytes: 4096, createdAtMs: 0, uploadedBytes: 0 };
  const refs = [{ name, hash: sha256(leaf) }];
  const root = encodeRoot({ ...described, snapshotId, parentId: undefined, newChunkCount: 1, refs });
  await bucket.put(`packs/${name}`, Buffer.concat([Buffer.alloc(16), bomb]));
  await bucket.put(`pages/${name}`, leaf);
  await bucket.put(`snapshots/${snapshotId}`, root);
  const snapshot = await openSnapshot(bucket, snapshotId);
  await expect(snapshot.readChunk(0)).rejects.toMatchObject({
    code: 'CORRUPT',
    message: expect.stringContaining('cannot be decompressed'),
  });
});

test('a reader that is closed ends what is in flight and reads no more', async () => {
  const snapshot = await openSnapshot(bucket, snapshotId);
  expect(Buffer.compare(await plainBytesIn(snapshot), bytes)).toBe(0);
  await snapshot.close();
  await expect(snapshot.readChunk(0)).rejects.toMatchObject({ code: 'IO' });
  await expect(snapshot.readChunk(10)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
});

describe('bytes that come wrong', () => {
  /** Gives the first so many answers with a flipped bit, as something in between may. */
  const flipping = (times: number): void => {
    const getRange = bucket.getRange.bind(bucket);
    let left = times;
    bucket.getRange = async (...args) => {
      const got = await getRange(...args);
      if (left-- > 0) got[0]! ^= 1;
      return got;
    };
  };
  const lentTo = async () => {
    const snapshot = await openSnapshot(bucket, snapshotId, { rootHash });
    return snapshot.readChunk(1, { onLent: () => undefined });
  };

  it('once are asked for again, by clients and by the background', async () => {
    flipping(1);
    expect(expectRightOrCorrupt(await readAll())).toBe(0);
    flipping(1);
    expect(Buffer.compare((await lentTo())!, bytes.subarray(4096, 8192))).toBe(0);
    flipping(1);
    const snapshot = await openSnapshot(bucket, snapshotId, { rootHash });
    for await (const read of snapshot.readChunks(0, snapshot.chunkCount)) expect(read.damage).toBeUndefined();
    flipping(1);
    expect(await verifySnapshot(bucket, snapshotId)).toMatchObject({ damagedChunks: 0 });
  });

  it('again and again are damage', async () => {
    flipping(Infinity);
    expect(expectRightOrCorrupt(await readAll())).toBeGreaterThan(3);
    await expect(lentTo()).rejects.toMatchObject({ code: 'CORRUPT' });
  });
});

it('bytes that share a range stay until each of them is released, however often one is', async () => {
  const random = randomBytes(4 * 4096);
  const { snapshotId } = await snapshotOf(bucket, random);
  const getRange = bucket.getRange.bind(bucket);
  bucket.getRange = async (
    key: string,
    range: { offsetBytes: number; lengthBytes: number },
    options?: RangeOptions,
  ) => {
    const got = await getRange(key, range);
    options?.into?.set(got);
    return options?.into ?? got;
  };
  const snapshot = await openSnapshot(bucket, snapshotId);
  const reads: ReadChunk[] = [];
  for await (const read of snapshot.readChunks(0, 4)) reads.push(read);
  const lent = reads.flatMap((read) => (read.damage === undefined && read.bytes ? [read] : []));
  expect(lent.length).toBe(4);
  for (let times = 0; times < 4; times++) lent[0]!.release?.();
  const memory = () => inlineTransfers.buffers.take(4 * 4096).buffer;
  expect(memory()).not.toBe(lent[1]!.bytes!.buffer);
  expect(Buffer.compare(lent[1]!.bytes!, random.subarray(4096, 8192))).toBe(0);
  for (const read of lent) read.release?.();
  expect(memory()).toBe(lent[1]!.bytes!.buffer);
});
