import { collectGarbage } from '../../../agent/snapshot/collect-garbage.ts';
import { deleteSnapshot } from '../../../agent/snapshot/delete-snapshot.ts';
import { listSnapshots } from '../../../agent/snapshot/list-snapshots.ts';
import { openSnapshot } from '../../../agent/snapshot/open-snapshot.ts';
import { pinSnapshot, unpinSnapshot } from '../../../agent/snapshot/pins.ts';
import { verifySnapshot } from '../../../agent/snapshot/verify-snapshot.ts';
import { HoldfastError } from '../../../core/errors.ts';
import { MemoryBucket } from '../../support/memory-bucket.ts';
import { inputOf, plainBytesIn, snapshotOf, someBytes } from '../../support/snapshots.ts';

let bucket: MemoryBucket;
beforeEach(() => (bucket = new MemoryBucket()));

const collect = (options: { abandonAfterMs?: number; dryRun?: boolean } = {}) =>
  collectGarbage(bucket, { now: () => bucket.nowMs, ...options });
const listedIds = async () => (await listSnapshots(bucket)).map(({ snapshotId }) => snapshotId);
const objectKeys = () => [...bucket.keys('packs/'), ...bucket.keys('pages/')];
const bytes = someBytes(40 * 4096, 1);
const otherBytes = someBytes(40 * 4096, 2);

test('snapshots are listed oldest first, with their sizes', async () => {
  const first = await snapshotOf(bucket, bytes, { now: () => 1_000 });
  const second = await snapshotOf(bucket, otherBytes, { now: () => 2_000, parentId: first.snapshotId });
  const listed = await listSnapshots(bucket);
  expect(listed.map(({ snapshotId }) => snapshotId)).toEqual([first.snapshotId, second.snapshotId]);
  expect(listed[1]).toEqual({
    snapshotId: second.snapshotId,
    createdAtMs: 2_000,
    volumeId: 'test',
    parentId: first.snapshotId,
    sizeBytes: bytes.length,
    chunkBytes: 4096,
    chunkCount: 40,
    uploadedBytes: second.uploadedBytes,
    newChunks: second.newChunks,
  });
});

test('a damaged root is listed as such and does not hide the others', async () => {
  const first = await snapshotOf(bucket, bytes);
  const second = await snapshotOf(bucket, otherBytes);
  bucket.objects.get(`snapshots/${first.snapshotId}`)![70]! ^= 1;
  const listed = await listSnapshots(bucket);
  expect(listed.find(({ snapshotId }) => snapshotId === first.snapshotId)).toHaveProperty('damage');
  expect(listed.find(({ snapshotId }) => snapshotId === second.snapshotId)).toHaveProperty('sizeBytes');
});

test('a deleted snapshot is gone at once and its space after the collection', async () => {
  const { snapshotId } = await snapshotOf(bucket, bytes);
  await deleteSnapshot(bucket, snapshotId);
  expect(await listedIds()).toEqual([]);
  await expect(openSnapshot(bucket, snapshotId)).rejects.toMatchObject({ code: 'GONE' });
  const result = await collect();
  expect(result).toMatchObject({ removedSnapshots: [snapshotId], removedObjects: 2 });
  expect(objectKeys()).toEqual([]);
  await expect(openSnapshot(bucket, snapshotId)).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('deleting again is no error, deleting what never was is NOT_FOUND', async () => {
  const { snapshotId } = await snapshotOf(bucket, bytes);
  await deleteSnapshot(bucket, snapshotId);
  await deleteSnapshot(bucket, snapshotId);
  const other = `${snapshotId.slice(0, -1)}${snapshotId.endsWith('0') ? '1' : '0'}`;
  await expect(deleteSnapshot(bucket, other)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(deleteSnapshot(bucket, '../x')).rejects.toMatchObject({ code: 'INVALID_INPUT' });
});

test('a child keeps what it took over from a deleted parent', async () => {
  const parent = await snapshotOf(bucket, bytes);
  const changed = bytes.slice();
  changed.fill(1, 0, 4096);
  const child = await snapshotOf(bucket, changed, { parentId: parent.snapshotId });
  await deleteSnapshot(bucket, parent.snapshotId);
  await collect();
  const snapshot = await openSnapshot(bucket, child.snapshotId);
  expect(Buffer.compare(await plainBytesIn(snapshot), changed)).toBe(0);
});

test('a pinned snapshot is not deleted; forced, its data stays until it is unpinned', async () => {
  const { snapshotId } = await snapshotOf(bucket, bytes);
  await pinSnapshot(bucket, snapshotId, 'restore-1');
  await expect(deleteSnapshot(bucket, snapshotId)).rejects.toMatchObject({ code: 'BUSY' });
  await deleteSnapshot(bucket, snapshotId, { force: true });
  expect((await collect()).pinnedSnapshots).toEqual([snapshotId]);
  const snapshot = await openSnapshot(bucket, snapshotId, { pinId: 'restore-1' });
  expect(Buffer.compare(await plainBytesIn(snapshot), bytes)).toBe(0);
  await unpinSnapshot(bucket, snapshotId, 'restore-1');
  await collect();
  expect(objectKeys()).toEqual([]);
});

test('a deleted snapshot cannot be pinned any more', async () => {
  const { snapshotId } = await snapshotOf(bucket, bytes);
  await deleteSnapshot(bucket, snapshotId);
  await expect(pinSnapshot(bucket, snapshotId, 'late')).rejects.toMatchObject({ code: 'GONE' });
  expect(bucket.keys('pins/')).toEqual([]);
});

test('a create that fails leaves nothing listed, and a collection removes what it left', async () => {
  const parent = await snapshotOf(bucket, otherBytes);
  const kept = objectKeys();
  const source = inputOf(bytes);
  const failing = {
    ...source,
    readChunk: async (chunk: Parameters<typeof source.readChunk>[0]) => {
      if (chunk.index === 39) throw new HoldfastError('IO', 'the disk is broken');
      return source.readChunk(chunk);
    },
  };
  const options = { parentId: parent.snapshotId, source: failing };
  await expect(snapshotOf(bucket, bytes, options)).rejects.toMatchObject({ code: 'IO' });
  expect(await listedIds()).toEqual([parent.snapshotId]);
  expect(bucket.keys('intents/')).toEqual([]);
  expect(bucket.keys('pins/')).toEqual([]);
  await collect();
  expect(objectKeys()).toEqual(kept);
});

test('an upload that died without a word is given up after a while and never before', async () => {
  bucket.nowMs = 1_000;
  const dying = new MemoryBucket();
  const { snapshotId } = await snapshotOf(dying, bytes);
  for (const key of [...dying.keys('packs/'), ...dying.keys('pages/')])
    await bucket.put(key, dying.objects.get(key)!);
  await bucket.put(`intents/${snapshotId}/open`, new Uint8Array(0));
  bucket.nowMs = 1_999;
  expect(await collect({ abandonAfterMs: 1_000 })).toMatchObject({ uploadsInFlight: 1, removedObjects: 0 });
  bucket.nowMs = 2_000;
  expect((await collect({ abandonAfterMs: 1_000 })).abandonedUploads).toEqual([snapshotId]);
  expect(objectKeys()).toEqual([]);
  expect(await listedIds()).toEqual([]);
});

test('an upload that died with its last step missing is completed', async () => {
  const { snapshotId } = await snapshotOf(bucket, bytes);
  const root = bucket.objects.get(`snapshots/${snapshotId}`)!;
  bucket.objects.delete(`snapshots/${snapshotId}`);
  await bucket.put(`intents/${snapshotId}/open`, new Uint8Array(0));
  await bucket.put(`intents/${snapshotId}/sealed`, root);
  expect((await collect({ abandonAfterMs: 0 })).completedUploads).toEqual([snapshotId]);
  expect(await listedIds()).toEqual([snapshotId]);
  expect((await verifySnapshot(bucket, snapshotId)).damagedChunks).toBe(0);
});

test('a dry run deletes nothing and tells what a run would', async () => {
  const { snapshotId } = await snapshotOf(bucket, bytes);
  await deleteSnapshot(bucket, snapshotId);
  const before = bucket.keys();
  expect(await collect({ dryRun: true })).toMatchObject({
    removedSnapshots: [snapshotId],
    removedObjects: 2,
  });
  expect(bucket.keys()).toEqual(before);
});

test('a collection stops at a damaged manifest and deletes nothing', async () => {
  const damaged = await snapshotOf(bucket, bytes);
  const deleted = await snapshotOf(bucket, otherBytes);
  await deleteSnapshot(bucket, deleted.snapshotId);
  bucket.objects.get(bucket.keys(`pages/${damaged.snapshotId}`)[0]!)![20]! ^= 4;
  const before = bucket.keys();
  await expect(collect()).rejects.toMatchObject({ code: 'CORRUPT', message: /nothing was collected/ });
  expect(bucket.keys()).toEqual(before);
});

test('a collection leaves keys alone that it does not know', async () => {
  await bucket.put('packs/readme.txt', new Uint8Array(1));
  await bucket.put('pages/not-an-id/abc', new Uint8Array(1));
  await collect();
  expect(objectKeys()).toEqual(['packs/readme.txt', 'pages/not-an-id/abc']);
});

test('an aborted create rejects with the reason and leaves nothing that counts', async () => {
  const stop = new AbortController();
  const reason = new Error('the host shuts down');
  const source = inputOf(bytes);
  const stopping = {
    ...source,
    readChunk: async (chunk: Parameters<typeof source.readChunk>[0]) => {
      if (chunk.index === 20) stop.abort(reason);
      return source.readChunk(chunk);
    },
  };
  await expect(snapshotOf(bucket, bytes, { source: stopping, signal: stop.signal })).rejects.toBe(reason);
  expect(await listedIds()).toEqual([]);
  expect(bucket.keys('intents/')).toEqual([]);
});

test('a source that turns out to be no single point in time fails the snapshot before it is visible', async () => {
  const finish = async () => {
    throw new HoldfastError('CONFLICT', 'the source has changed');
  };
  const source = { ...inputOf(bytes), finish };
  await expect(snapshotOf(bucket, bytes, { source })).rejects.toMatchObject({ code: 'CONFLICT' });
  expect(bucket.keys('snapshots/')).toEqual([]);
});

test('progress grows to the whole, and its bytes are those that were uploaded', async () => {
  const seen: { doneBytes: number; totalBytes: number; uploadedBytes: number }[] = [];
  const made = await snapshotOf(bucket, bytes, { onProgress: (progress) => seen.push(progress) });
  expect(seen.map(({ doneBytes }) => doneBytes)).toEqual(
    Array.from({ length: 40 }, (_, index) => (index + 1) * 4096),
  );
  const stored = objectKeys().reduce((sum, key) => sum + bucket.objects.get(key)!.length, 0);
  expect(made.uploadedBytes).toBe(stored);
});

test('memory stays bounded: chunks and packs in flight never exceed their limits', async () => {
  let [reading, readingMax, putting, puttingMax] = [0, 0, 0, 0];
  const large = someBytes(20 * 1024 * 1024, 4, 262_144);
  for (let position = 0; position < large.length; position += 7)
    large[position] = (position * 2_654_435_761) >>> 24;
  const source = inputOf(large);
  const counted = {
    ...source,
    readChunk: async (chunk: Parameters<typeof source.readChunk>[0]) => {
      readingMax = Math.max(readingMax, (reading += 1));
      await new Promise(setImmediate);
      reading -= 1;
      return source.readChunk(chunk);
    },
  };
  const put = bucket.put.bind(bucket);
  bucket.put = async (key, body) => {
    if (key.startsWith('packs/')) expect(body.length).toBeLessThanOrEqual(8 * 1024 * 1024);
    puttingMax = Math.max(puttingMax, (putting += 1));
    await new Promise(setImmediate);
    putting -= 1;
    await put(key, body);
  };
  const limits = { chunksInFlightMax: 3, uploadsInFlightMax: 2, chunkBytes: 262_144 };
  await snapshotOf(bucket, large, { source: counted, ...limits });
  expect(readingMax).toBeLessThanOrEqual(3);
  expect(puttingMax).toBeLessThanOrEqual(2);
  expect(bucket.keys('packs/').length).toBeGreaterThan(1);
});
