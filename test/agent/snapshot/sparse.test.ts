import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlockDevice } from '../../../core/block-device.ts';
import { deviceInput } from '../../../agent/snapshot/device-input.ts';
import { openSnapshot } from '../../../agent/snapshot/open-snapshot.ts';
import { openPathInput } from '../../../agent/snapshot/path-input.ts';
import { verifySnapshot } from '../../../agent/snapshot/verify-snapshot.ts';
import { MemoryBucket } from '../../support/memory-bucket.ts';
import { snapshotOf } from '../../support/snapshots.ts';

const chunkBytes = 4096;
const GiB = 1024 ** 3;
let directory: string;
beforeAll(async () => (directory = await mkdtemp(join(tmpdir(), 'holdfast-sparse-'))));
afterAll(() => rm(directory, { recursive: true }));

test('a sparse file of 6 GiB is a small snapshot with two levels of pages, read at once', async () => {
  const path = join(directory, 'sparse.img');
  const file = await open(path, 'w');
  await file.truncate(6 * GiB);
  for (const at of [0, 5 * GiB, 6 * GiB - chunkBytes])
    await file.write(Buffer.alloc(chunkBytes, 7), 0, chunkBytes, at);
  await file.close();

  const bucket = new MemoryBucket();
  const input = await openPathInput(path);
  const none = new Uint8Array(0);
  const made = await snapshotOf(bucket, none, { source: input, chunkBytes });
  expect(made).toMatchObject({ chunkCount: 1.5 * 1024 ** 2, newChunks: 3 });
  expect(bucket.keys('pages/')).toHaveLength(3 + 2);

  const snapshot = await openSnapshot(bucket, made.snapshotId);
  expect(snapshot.root.geometry.levels).toBe(2);
  const before = { ...bucket.counts };
  const data = await snapshot.readChunk((5 * GiB) / chunkBytes);
  expect(Buffer.compare(data!, Buffer.alloc(chunkBytes, 7))).toBe(0);
  expect(bucket.counts.get - before.get).toBe(2);
  expect(await snapshot.readChunk(1)).toBeUndefined();
  expect(await snapshot.isHole((4 * GiB) / chunkBytes)).toBe(true);

  const child = await snapshotOf(bucket, none, {
    source: input,
    parentId: made.snapshotId,
    changed: () => false,
  });
  expect(child).toMatchObject({ newChunks: 0 });
  const after = await openSnapshot(bucket, child.snapshotId);
  expect(await after.leafRef(0)).toEqual(await snapshot.leafRef(0));
  expect(await after.isHole(made.chunkCount - 1)).toBe(false);
  await input.close();
});

/** A device of 64 chunks whose odd ones are holes, which counts what is read. */
function striped(options: { withStatus: boolean }): BlockDevice & { readOffsets: number[] } {
  const readOffsets: number[] = [];
  const unused = () => Promise.reject(new Error('a snapshot only reads'));
  return {
    readOffsets,
    sizeBytes: 64 * chunkBytes,
    readOnly: true,
    blockSize: { minBytes: 1, preferredBytes: 4096, maxBytes: 1 << 20 },
    read: async (into, offsetBytes) => {
      readOffsets.push(offsetBytes);
      into.fill(offsetBytes % (2 * chunkBytes) === 0 ? 5 : 0);
    },
    ...(options.withStatus && {
      blockStatus: async (_context, offsetBytes, lengthBytes, maxExtents) =>
        Array.from({ length: Math.min(maxExtents, 10, lengthBytes / chunkBytes) }, (_, index) => ({
          lengthBytes: chunkBytes,
          flags: (offsetBytes / chunkBytes + index) % 2 === 1 ? 3 : 0,
        })),
    }),
    write: unused,
    flush: unused,
    trim: unused,
    writeZeroes: unused,
    close: async () => undefined,
  };
}

test.each([true, false])(
  'a device is snapshotted alike whether it tells its holes or not (%p)',
  async (withStatus) => {
    const bucket = new MemoryBucket();
    const device = striped({ withStatus });
    const made = await snapshotOf(bucket, new Uint8Array(0), { source: deviceInput(device), chunkBytes });
    expect(made).toMatchObject({ newChunks: 32, chunkCount: 64 });
    expect(device.readOffsets).toHaveLength(withStatus ? 32 : 64);
    const verified = await verifySnapshot(bucket, made.snapshotId);
    expect(verified).toMatchObject({ dataChunks: 32, damagedChunks: 0 });
  },
);

it('a verification of nothing but holes gives signals their turn', async () => {
  const bucket = new MemoryBucket();
  const { snapshotId } = await snapshotOf(bucket, new Uint8Array(4096 * 2000));
  const stop = new AbortController();
  setImmediate(() => stop.abort(new Error('enough')));
  await expect(verifySnapshot(bucket, snapshotId, { signal: stop.signal })).rejects.toThrow('enough');
});
