import { openBucket } from '../../../agent/s3/s3-bucket.ts';
import { openSnapshot } from '../../../agent/snapshot/open-snapshot.ts';
import { MemoryBucket } from '../../support/memory-bucket.ts';
import { startS3, type TestS3 } from '../../support/s3.ts';
import { inputOf, plainBytesIn, snapshotOf, someBytes } from '../../support/snapshots.ts';

describe('against an S3 server', () => {
  let s3: TestS3;
  beforeAll(async () => (s3 = await startS3()));
  afterAll(() => s3.close());

  test('what was stored is read back, chunk by chunk and in ranges', async () => {
    const bucket = openBucket({ client: s3.client, bucket: s3.bucket, prefix: 'repo/' });
    const bytes = someBytes(3 * 1024 * 1024 + 777, 1, 65_536);
    bytes.fill(6, 48 * 65_536);
    const made = await snapshotOf(bucket, bytes, { chunkBytes: 65_536 });
    expect(made).toMatchObject({ sizeBytes: bytes.length, chunkCount: 49, parentId: undefined });
    const snapshot = await openSnapshot(bucket, made.snapshotId, { rootHash: made.rootHash });
    expect(Buffer.compare(await plainBytesIn(snapshot), bytes)).toBe(0);
    expect(Buffer.compare((await snapshot.readChunk(48))!, bytes.subarray(48 * 65_536))).toBe(0);
    await snapshot.close();
  });
});

describe('create and read', () => {
  let bucket: MemoryBucket;
  beforeEach(() => (bucket = new MemoryBucket()));

  test('a chunk of zeroes is a hole: no bytes are stored, none are fetched', async () => {
    const bytes = new Uint8Array(3 * 4096);
    bytes.fill(7, 4096, 8192);
    const made = await snapshotOf(bucket, bytes);
    const snapshot = await openSnapshot(bucket, made.snapshotId);
    expect(await Promise.all([0, 1, 2].map((index) => snapshot.isHole(index)))).toEqual([true, false, true]);
    expect(await snapshot.readChunk(0)).toBeUndefined();
    expect(bucket.counts.getRange).toBe(0);
    expect(made.newChunks).toBe(1);
  });

  test('opening reads one object, a cold chunk its page and itself, a second chunk itself alone', async () => {
    const { snapshotId } = await snapshotOf(bucket, new Uint8Array(1100 * 4096).fill(3));
    const before = { ...bucket.counts };
    const snapshot = await openSnapshot(bucket, snapshotId);
    expect(bucket.counts.get - before.get).toBe(1);
    await snapshot.readChunk(1050);
    expect(bucket.counts.get - before.get).toBe(2);
    await snapshot.readChunk(1051);
    expect(bucket.counts.get - before.get).toBe(2);
    expect(bucket.counts.getRange - before.getRange).toBe(2);
  });

  test('an incremental snapshot uploads what has changed alone and is complete in itself', async () => {
    const bytes = someBytes(1100 * 4096, 3);
    const parent = await snapshotOf(bucket, bytes);
    const changed = bytes.slice();
    changed.fill(0xaa, 1090 * 4096 + 10, 1090 * 4096 + 20);
    changed.fill(0, 4096, 8192);
    const before = bucket.keys('pages/').length;
    const child = await snapshotOf(bucket, changed, { parentId: parent.snapshotId });
    expect(child.newChunks).toBe(1);
    expect(bucket.keys('pages/').length - before).toBe(2);
    const snapshot = await openSnapshot(bucket, child.snapshotId);
    expect(Buffer.compare(await plainBytesIn(snapshot), changed)).toBe(0);
    expect(snapshot.root.parentId).toBe(parent.snapshotId);
  });

  test('with a set of changed chunks nothing else is read', async () => {
    const bytes = someBytes(1100 * 4096, 4);
    const parent = await snapshotOf(bucket, bytes);
    const after = bytes.slice();
    after.fill(0x55, 1030 * 4096, 1031 * 4096);
    const source = inputOf(after);
    const changed = (index: number) => index === 1030 || index === 7;
    const child = await snapshotOf(bucket, after, { parentId: parent.snapshotId, source, changed });
    expect(source.reads).toEqual([7, 1030]);
    const snapshot = await openSnapshot(bucket, child.snapshotId);
    expect(Buffer.compare(await plainBytesIn(snapshot), after)).toBe(0);
  });

  test.each([
    ['grown', 1030 * 4096 + 5, 1100 * 4096],
    ['shrunk', 1100 * 4096, 1060 * 4096 + 3],
    ['grown within the last chunk', 100 * 4096 + 5, 100 * 4096 + 9],
  ])('a volume that has %s since its parent is complete', async (_, from, to) => {
    const bytes = new Uint8Array(Math.max(from, to)).fill(5);
    const parent = await snapshotOf(bucket, bytes.slice(0, from));
    const options = { parentId: parent.snapshotId, changed: () => false };
    const child = await snapshotOf(bucket, bytes.slice(0, to), options);
    const snapshot = await openSnapshot(bucket, child.snapshotId);
    expect(Buffer.compare(await plainBytesIn(snapshot), bytes.slice(0, to))).toBe(0);
  });

  test.each(['../x', '', '__proto__'])(
    'a parent named %j is refused before anything is stored',
    async (parentId) => {
      await expect(snapshotOf(bucket, someBytes(4096, 1), { parentId })).rejects.toMatchObject({
        code: 'INVALID_INPUT',
      });
      expect(bucket.keys('')).toEqual([]);
    },
  );

  test('a finished upload leaves no intent and no pin', async () => {
    const parent = await snapshotOf(bucket, someBytes(40_960, 6));
    await snapshotOf(bucket, someBytes(40_960, 7), { parentId: parent.snapshotId });
    expect(bucket.keys('intents/')).toEqual([]);
    expect(bucket.keys('pins/')).toEqual([]);
    expect(bucket.keys('snapshots/')).toHaveLength(2);
  });
});
