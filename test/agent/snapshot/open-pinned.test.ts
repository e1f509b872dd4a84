import { deleteSnapshot } from '../../../agent/snapshot/delete-snapshot.ts';
import { openPinned } from '../../../agent/snapshot/open-pinned.ts';
import { HoldfastError } from '../../../core/errors.ts';
import { keys } from '../../../core/snapshot/names.ts';
import { MemoryBucket } from '../../support/memory-bucket.ts';
import { plainBytesIn, snapshotOf, someBytes } from '../../support/snapshots.ts';

const bytes = someBytes(12 * 4096, 5);
let bucket: MemoryBucket;
let snapshotId: string;
beforeEach(async () => {
  bucket = new MemoryBucket();
  ({ snapshotId } = await snapshotOf(bucket, bytes));
});

/** Answers in rounds: whatever is asked for before an answer is on its way together with it. */
function roundsOf(inner: MemoryBucket) {
  const rounds: string[][] = [];
  let round: string[] | undefined;
  const answer = async <T>(request: string, result: () => Promise<T>): Promise<T> => {
    if (!round) {
      rounds.push((round = []));
      setTimeout(() => (round = undefined));
    }
    round.push(request);
    await new Promise((resolve) => setTimeout(resolve));
    return result();
  };
  const folderOf = (key: string) => key.split('/', 1)[0];
  const slow = {
    url: inner.url,
    put: (key: string, body: Uint8Array) => answer(`put ${folderOf(key)}`, async () => inner.put(key, body)),
    get: (key: string, options: { maxBytes: number }) =>
      answer(`get ${folderOf(key)}`, async () => inner.get(key, options)),
    getRange: inner.getRange.bind(inner),
    has: (key: string) => answer(`has ${folderOf(key)}`, async () => inner.has(key)),
    list: inner.list.bind(inner),
    delete: inner.delete.bind(inner),
  };
  return { slow, rounds };
}

test('takes two rounds: the pin beside the root, then the tombstone beside the first page', async () => {
  const { slow, rounds } = roundsOf(bucket);
  const snapshot = await openPinned(slow, snapshotId, 'restore-1', { note: { volumeId: 'v' } });
  expect(rounds.map((round) => round.sort())).toEqual([
    ['get snapshots', 'put pins'],
    ['get pages', 'has tombstones'],
  ]);
  expect(bucket.keys('pins/')).toEqual([keys.pin(snapshotId, 'restore-1')]);
  expect(Buffer.compare(await plainBytesIn(snapshot), bytes)).toBe(0);
});

test.each<[string, string, () => Promise<unknown>]>([
  ['was deleted', 'GONE', () => deleteSnapshot(bucket, snapshotId)],
  [
    'was deleted and collected',
    'GONE',
    async () => {
      await deleteSnapshot(bucket, snapshotId);
      await bucket.delete([keys.root(snapshotId)]);
    },
  ],
  ['never was', 'NOT_FOUND', () => bucket.delete([keys.root(snapshotId)])],
  ['is damaged', 'CORRUPT', () => bucket.put(keys.root(snapshotId), new Uint8Array(100))],
])('no pin is left on a snapshot that %s', async (_, code, harm) => {
  await harm();
  await expect(openPinned(bucket, snapshotId, 'restore-1')).rejects.toMatchObject({ code });
  expect(bucket.keys('pins/')).toEqual([]);
});

test('who may only read opens it unpinned, and is told so', async () => {
  bucket.put = () => Promise.reject(new HoldfastError('FORBIDDEN', 'no'));
  await expect(openPinned(bucket, snapshotId, 'restore-1')).rejects.toMatchObject({ code: 'FORBIDDEN' });
  let told = 0;
  const snapshot = await openPinned(bucket, snapshotId, 'restore-1', { onUnpinned: () => (told += 1) });
  expect(told).toBe(1);
  expect(Buffer.compare(await plainBytesIn(snapshot), bytes)).toBe(0);
  bucket.put = () => Promise.reject(new HoldfastError('UNAVAILABLE', 'no'));
  const onUnpinned = () => void (told += 1);
  await expect(openPinned(bucket, snapshotId, 'restore-1', { onUnpinned })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  });
  expect(told).toBe(1);
});
