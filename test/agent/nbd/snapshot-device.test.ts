import { snapshotDevice } from '../../../agent/nbd/snapshot-device.ts';
import { openSnapshot } from '../../../agent/snapshot/open-snapshot.ts';
import { MemoryBucket } from '../../support/memory-bucket.ts';
import { snapshotOf, someBytes } from '../../support/snapshots.ts';

const chunkBytes = 4096;

describe('a snapshot as a read-only block device', () => {
  it('reads any range, over chunks, holes and the short tail', async () => {
    const { device, bytes } = await opened(10 * chunkBytes + 512);
    const ranges = [
      [0, 1],
      [1, 4095],
      [4000, 200],
      [0, bytes.length],
      [bytes.length - 1, 1],
      [3 * chunkBytes - 7, 2 * chunkBytes],
    ] as const;
    for (const [offset, length] of ranges) {
      const into = Buffer.alloc(length, 0xee);
      await device.read(into, offset);
      expect(into.equals(bytes.subarray(offset, offset + length))).toBe(true);
    }
    await device.close();
  });

  it('fetches a chunk once for neighbouring reads, also when they come together', async () => {
    const { device, fetched } = await opened(4 * chunkBytes);
    await Promise.all([0, 512, 1024].map((offset) => device.read(Buffer.alloc(512), offset)));
    await device.read(Buffer.alloc(512), 2048);
    expect(fetched).toEqual([0]);
    await device.prefetch!(0, 3 * chunkBytes);
    await device.read(Buffer.alloc(3 * chunkBytes), 0);
    expect(fetched).toEqual([0, 1, 2]);
    await device.close();
  });

  it('reports holes from the manifest alone', async () => {
    const bytes = Buffer.concat([
      Buffer.alloc(chunkBytes, 1),
      Buffer.alloc(2 * chunkBytes),
      Buffer.alloc(100, 1),
    ]);
    const { device, fetched } = await opened(0, bytes);
    expect(await device.blockStatus!('base:allocation', 0, bytes.length, 16)).toEqual([
      { lengthBytes: chunkBytes, flags: 0 },
      { lengthBytes: 2 * chunkBytes, flags: 3 },
      { lengthBytes: 100, flags: 0 },
    ]);
    expect(await device.blockStatus!('base:allocation', 5000, 100, 1)).toEqual([
      { lengthBytes: 100, flags: 3 },
    ]);
    expect(fetched).toEqual([]);
    await device.close();
  });

  it('refuses to write', async () => {
    const { device } = await opened(chunkBytes);
    expect(device.readOnly).toBe(true);
    for (const call of [device.write(Buffer.alloc(1), 0), device.trim(0, 1), device.writeZeroes(0, 1)]) {
      await expect(call).rejects.toMatchObject({ code: 'FORBIDDEN' });
    }
    await device.close();
  });

  async function opened(sizeBytes: number, bytes: Uint8Array = someBytes(sizeBytes, 7)) {
    const bucket = new MemoryBucket();
    const { snapshotId } = await snapshotOf(bucket, bytes);
    const source = await openSnapshot(bucket, snapshotId);
    const fetched: number[] = [];
    const readChunk = source.readChunk.bind(source);
    source.readChunk = (index, options) => {
      fetched.push(index);
      return readChunk(index, options);
    };
    return { device: snapshotDevice(source), bytes: Buffer.from(bytes), fetched };
  }
});
