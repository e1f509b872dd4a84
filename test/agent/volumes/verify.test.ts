import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { open, readFile, rm } from 'node:fs/promises';
import { damagedVolume, verificationText } from '../../../agent/cli/verification-text.ts';
import { openBucket } from '../../../agent/s3/s3-bucket.ts';
import { openSnapshot } from '../../../agent/snapshot/open-snapshot.ts';
import { defaultChunkBytes } from '../../../core/snapshot/geometry.ts';
import type { VolumeService } from '../../../agent/ports.ts';
import { sha, World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await World.open();
});
afterEach(() => world.closeServices());
afterAll(() => world.close());

const blockBytes = defaultChunkBytes;
const page = (value: number): Buffer => Buffer.alloc(4096, value);

/** A volume of six blocks and a half, and a snapshot of it. */
async function snapshotted(name: string) {
  const volumes = await world.service(name);
  const { path, bytes } = await world.file(name, 6.5 * blockBytes);
  await volumes.create({ volumeId: 'v', path });
  const { snapshotId } = await volumes.snapshot({ volumeId: 'v' });
  return { volumes, path, bytes, snapshotId };
}

async function write(volumes: VolumeService, offsetBytes: number, bytes: Buffer): Promise<void> {
  const nbd = await world.nbd(volumes, 'v');
  await nbd.write(offsetBytes, bytes);
  await nbd.flush();
  nbd.close();
}

async function damageChunk(name: string, snapshotId: string, index: number): Promise<void> {
  const { client, bucket: Bucket } = world.s3;
  const prefix = `${name}/`;
  const bucket = openBucket({ bucket: Bucket, prefix, client: () => Promise.resolve(client) });
  const entry = (await (await openSnapshot(bucket, snapshotId)).entry(index))!;
  const Key = `${prefix}packs/${entry.pack}`;
  const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
  const pack = await Body!.transformToByteArray();
  pack[entry.offsetBytes + 20]! ^= 0x10;
  await client.send(new PutObjectCommand({ Bucket, Key, Body: pack }));
}

it('names the chunk that cannot be restored, which stops nothing elsewhere', async () => {
  const { volumes, path, bytes, snapshotId } = await snapshotted('damaged');
  await damageChunk('damaged', snapshotId, 0);
  await rm(path);
  await volumes.restore({ volumeId: 'v', snapshotId });

  const nbd = await world.nbd(volumes, 'v');
  for (let block = 1; block < 7; block++) {
    const offset = block * blockBytes + 4096;
    expect(sha(await nbd.read(offset, 4096))).toBe(sha(bytes.subarray(offset, offset + 4096)));
  }
  await nbd.write(3 * blockBytes, page(1));
  await expect(nbd.read(8192, 4096)).rejects.toThrow();
  nbd.close();

  const found = await volumes.verify({ volumeId: 'v' });
  expect(found).toMatchObject({ snapshotId, blockCount: 7, damagedBlocks: 1, changedBlocks: 1 });
  expect(found.sameBlocks + found.unrestoredBlocks).toBe(5);
  expect(found.damage).toEqual([
    {
      block: 0,
      offsetBytes: 0,
      where: 'snapshot',
      message: expect.stringMatching(/^block 0 cannot be restored: .*chunk 0 .*packs\//) as string,
    },
  ]);

  // Written anew it is mended, and the restore comes to its end.
  await write(volumes, 0, Buffer.alloc(blockBytes, 2));
  await expect(volumes.waitRestored('v')).resolves.toMatchObject({ outcome: 'restored' });
  expect(await volumes.verify({ volumeId: 'v' })).toMatchObject({
    sameBlocks: 5,
    changedBlocks: 2,
    unrestoredBlocks: 0,
    damagedBlocks: 0,
  });
});

it('tells what is not restored yet, and writes none of it', async () => {
  const { volumes, path, snapshotId } = await snapshotted('slow');
  await rm(path);
  await volumes.restore({ volumeId: 'v', snapshotId, bandwidthBytesPerSec: 1024 });
  await volumes.pauseRestore('v');
  // The background may have had time for a first block.
  const restoredBytes = volumes.get('v').restore?.restoredBytes ?? NaN;
  const sameBlocks = restoredBytes / blockBytes;
  expect(sameBlocks).toBeLessThan(3);
  for (let round = 0; round < 2; round++)
    expect(await volumes.verify({ volumeId: 'v' })).toMatchObject({
      sameBlocks,
      unrestoredBlocks: 7 - sameBlocks,
      damagedBlocks: 0,
    });
  expect(volumes.get('v').restore?.restoredBytes).toBe(restoredBytes);
  await expect(
    volumes.verify({ volumeId: 'v', snapshotId: '01k9z3v6x0e8m4t2q7c5b1a9hd' }),
  ).rejects.toMatchObject({ code: 'BUSY' });
});

it('tells what clients changed from what the disk lost, and knows no difference after a crash', async () => {
  const { volumes, path, snapshotId } = await snapshotted('disk');
  expect(await volumes.verify({ volumeId: 'v' })).toMatchObject({ sameBlocks: 7, damage: [] });
  await write(volumes, 2 * blockBytes + 512, page(3));
  await using handle = await open(path, 'r+');
  await handle.write(page(4), 0, 4096, 6.5 * blockBytes - 4096);
  expect(await volumes.verify({ volumeId: 'v', snapshotId })).toMatchObject({
    sameBlocks: 5,
    changedBlocks: 1,
    damagedBlocks: 1,
    damage: [
      { block: 6, where: 'volume', message: expect.stringContaining('no client has written') as string },
    ],
  });
  // A newer snapshot takes what is there now for good; against the old one nobody knows who changed it.
  await volumes.snapshot({ volumeId: 'v' });
  expect(await volumes.verify({ volumeId: 'v', snapshotId })).toMatchObject({
    changedBlocks: 2,
    damagedBlocks: 0,
  });
});

it('counts what a hole has got, and the zeroes behind the snapshot’s end', async () => {
  const volumes = await world.service('holes');
  const path = `${world.dir}/holes.img`;
  await volumes.create({ volumeId: 'v', path, sizeBytes: 4 * blockBytes });
  await volumes.snapshot({ volumeId: 'v' });
  expect(await volumes.verify({ volumeId: 'v' })).toMatchObject({ sameBlocks: 4 });
  await using handle = await open(path, 'r+');
  await handle.write(page(1), 0, 4096, blockBytes);
  await handle.write(page(0), 0, 4096, 3 * blockBytes);
  expect(await volumes.verify({ volumeId: 'v' })).toMatchObject({ sameBlocks: 3, damage: [{ block: 1 }] });
  expect((await readFile(path)).length).toBe(4 * blockBytes);
});

it('says why it cannot compare, and stops when it is told to', async () => {
  const volumes = await world.service('refused');
  const { path } = await world.file('refused', blockBytes);
  await volumes.create({ volumeId: 'v', path });
  await expect(volumes.verify({ volumeId: 'v' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await volumes.snapshot({ volumeId: 'v' });
  await expect(volumes.verify({ volumeId: 'none' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  const signal = AbortSignal.abort(new Error('enough'));
  await expect(volumes.verify({ volumeId: 'v', signal })).rejects.toThrow('enough');
  await rm(path);
  await volumes.check('v');
  await expect(volumes.verify({ volumeId: 'v' })).rejects.toMatchObject({ code: 'IO' });
});

it('is told with a line for each damaged block, and what to do', () => {
  const counts = { sameBlocks: 5, changedBlocks: 1, unrestoredBlocks: 2, damagedBlocks: 1, blockCount: 9 };
  const damage = [
    { block: 4, offsetBytes: 4 * blockBytes, where: 'snapshot' as const, message: 'block 4 cannot …' },
  ];
  const found = { volumeId: 'v', snapshotId: 's1', blockBytes, ...counts, damage };
  expect(verificationText(found)).toBe(
    'damaged: block 4 cannot …\nv: of 9 blocks 5 as in s1, 1 changed since, 2 not restored yet, 1 damaged\n',
  );
  expect(damagedVolume(found)).toMatchObject({
    code: 'CORRUPT',
    message: '1 of 9 blocks of v are damaged',
    hint: expect.stringContaining('volume snapshots v') as string,
  });
  expect(damagedVolume({ ...found, damage: [{ ...damage[0]!, where: 'volume' }] })).toMatchObject({
    hint: expect.stringContaining('volume restore v') as string,
  });
});
