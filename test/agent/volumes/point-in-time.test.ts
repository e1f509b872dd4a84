import type { Bucket } from '../../../agent/s3/bucket.ts';
import { FirstReads } from '../../../agent/restore/first-reads.ts';
import { openBucket } from '../../../agent/s3/s3-bucket.ts';
import { openSnapshot } from '../../../agent/snapshot/open-snapshot.ts';
import { PlainDevice } from '../../../agent/restore/plain-device.ts';
import { ChangedGrains, grainBytes } from '../../../agent/volumes/changed-grains.ts';
import { ContentSamples } from '../../../agent/volumes/content-samples.ts';
import { PointInTime } from '../../../agent/volumes/point-in-time.ts';
import { takeSnapshot } from '../../../agent/volumes/take-snapshot.ts';
import { TrackedDevice } from '../../../agent/volumes/tracked-device.ts';
import { plainBytesIn, someBytes } from '../../support/snapshots.ts';
import { startS3, type TestS3 } from '../../support/s3.ts';
import { MemoryDisk } from '../restore/memory-world.ts';

const sizeBytes = 8 * grainBytes;
let s3: TestS3;
beforeAll(async () => {
  s3 = await startS3();
});
afterAll(() => s3.close());

async function volume(changed?: ChangedGrains) {
  const disk = new MemoryDisk(sizeBytes);
  const before = Buffer.from(someBytes(sizeBytes, 4));
  await disk.write([before], 0);
  const tracked = new TrackedDevice(new PlainDevice(disk, sizeBytes), changed, new ContentSamples(sizeBytes));
  return { disk, before, tracked };
}

/** The bucket; what is given happens before its first object is stored, when nothing has been read yet. */
function interrupted(prefix: string, before: () => Promise<void>): Bucket {
  const bucket = openBucket({ client: s3.client, bucket: s3.bucket, prefix });
  let first: Promise<void> | undefined;
  return new Proxy(bucket, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      if (name !== 'put') return value.bind(target) as unknown;
      return async (...args: Parameters<Bucket['put']>) => {
        await (first ??= before());
        await target.put(...args);
      };
    },
  });
}

describe('a snapshot of a volume that is being written', () => {
  it('has every byte as it was at its moment, and counts the writes towards the next one', async () => {
    const { disk, before, tracked } = await volume();
    const take = (bucket: Bucket, parent?: Parameters<typeof takeSnapshot>[0]['parent']) =>
      takeSnapshot({
        volumeId: 'v',
        tracked,
        read: (into, offset) => disk.read(into, offset),
        parent,
        firstReads: new FirstReads(),
        bucket,
        now: Date.now,
        onProgress: () => undefined,
      });
    const overwrite = async () => {
      await tracked.write(Buffer.alloc(1000, 1), 3 * grainBytes - 500);
      await tracked.trim(5 * grainBytes, grainBytes);
      await tracked.writeZeroes(0, 10);
    };
    const bucket = interrupted('moment/', overwrite);
    const first = await take(bucket);
    const snapshot = await openSnapshot(bucket, first.result.snapshotId);
    expect(Buffer.compare(await plainBytesIn(snapshot), before)).toBe(0);
    const after = disk.bytes();
    expect(Buffer.compare(after, before)).not.toBe(0);

    const reads: number[] = [];
    disk.beforeRead = (offset) => reads.push(offset / grainBytes);
    const second = await take(bucket, first.lastSnapshot);
    expect(reads.toSorted()).toEqual([0, 2, 3, 5]);
    const next = await openSnapshot(bucket, second.result.snapshotId);
    expect(Buffer.compare(await plainBytesIn(next), after)).toBe(0);
  });

  it('fails when too much is overwritten, and the writes do not', async () => {
    const { disk, tracked } = await volume(new ChangedGrains(sizeBytes));
    const moment = new PointInTime({
      sizeBytes,
      chunkBytes: grainBytes,
      read: (into, offset) => disk.read(into, offset),
      isWanted: () => true,
      keptBytesMax: 2 * grainBytes,
    });
    const changed = await tracked.begin(moment);
    await tracked.write(Buffer.alloc(sizeBytes, 9), 0);
    await expect(moment.readChunk({ index: 7 })).rejects.toMatchObject({ code: 'NO_SPACE' });
    tracked.end({ changed });
    expect(disk.bytes().every((byte) => byte === 9)).toBe(true);
    expect(tracked.changed?.has(0, sizeBytes)).toBe(true);
  });

  it('gives back what it had taken over where it fails', async () => {
    const changed = new ChangedGrains(sizeBytes);
    const { disk, tracked } = await volume(changed);
    await tracked.write(Buffer.alloc(10), 6 * grainBytes);
    const stop = new AbortController();
    stop.abort(new Error('stopped'));
    const bucket = openBucket({ client: s3.client, bucket: s3.bucket, prefix: 'fails/' });
    const taking = takeSnapshot({
      volumeId: 'v',
      tracked,
      read: (into, offset) => disk.read(into, offset),
      parent: undefined,
      firstReads: new FirstReads(),
      bucket,
      now: Date.now,
      signal: stop.signal,
      onProgress: () => undefined,
    });
    await expect(taking).rejects.toThrow('stopped');
    expect([5, 6, 7].map((grain) => tracked.changed?.has(grain * grainBytes, 1))).toEqual([
      false,
      true,
      false,
    ]);
  });
});
