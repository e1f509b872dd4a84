import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { openBucket } from '../../../agent/s3/s3-bucket.ts';
import type { Bucket } from '../../../agent/s3/bucket.ts';
import { collectGarbage } from '../../../agent/snapshot/collect-garbage.ts';
import { copySnapshot } from '../../../agent/snapshot/copy-snapshot.ts';
import { deleteSnapshot } from '../../../agent/snapshot/delete-snapshot.ts';
import { openSnapshot } from '../../../agent/snapshot/open-snapshot.ts';
import { keys } from '../../../core/snapshot/names.ts';
import { NbdClient } from '../../../cli/demo/nbd-client.ts';
import { runCli } from '../cli-runner.ts';
import { MiB, World } from './world.ts';

const chunk = 256 * 1024;
const random = (lengthBytes: number) => crypto.getRandomValues(new Uint8Array(lengthBytes));
let world: World;
beforeAll(async () => {
  world = await World.open();
});
afterEach(() => world.closeServices());
afterAll(() => world.close());

const bucketOf = (name: string): Bucket =>
  openBucket({ client: world.s3.client, bucket: world.s3.bucket, prefix: `${name}/` });

async function hotChunksOf(bucket: Bucket, snapshotId: string): Promise<readonly number[]> {
  const snapshot = await openSnapshot(bucket, snapshotId);
  return snapshot.hotChunks().finally(() => snapshot.close());
}

async function read(socket: string, name: string, chunks: number[]): Promise<void> {
  const nbd = await NbdClient.open(socket, name);
  for (const index of chunks) await nbd.read(index * chunk + 4096, 4096);
  nbd.close();
}

test('what clients of a volume read first goes with its snapshots, and nothing that we read', async () => {
  const volumes = await world.service('hot');
  const bucket = bucketOf('hot');
  const { path } = await world.file('hot', 4 * MiB);
  await volumes.create({ volumeId: 'v', path });
  const socket = volumes.get('v').nbdSocket ?? '';
  const first = await volumes.snapshot({ volumeId: 'v' });
  await volumes.verify({ volumeId: 'v' });
  await volumes.check('v');
  const second = await volumes.snapshot({ volumeId: 'v' });
  expect(await bucket.has(keys.hot(first.snapshotId))).toBe(false);
  expect(await bucket.has(keys.hot(second.snapshotId))).toBe(false);

  await read(socket, 'v', [9, 3, 9, 4, 15]);
  const third = await volumes.snapshot({ volumeId: 'v' });
  expect(await hotChunksOf(bucket, third.snapshotId)).toEqual([9, 3, 4, 15]);

  // A new life has seen no reads: what the last snapshot knew counts on, behind what is read now.
  await volumes.close();
  const again = await world.service('hot');
  await read(again.get('v').nbdSocket ?? '', 'v', [7, 3]);
  const fourth = await again.snapshot({ volumeId: 'v' });
  expect(await hotChunksOf(bucket, fourth.snapshotId)).toEqual([7, 3, 9, 4, 15]);

  // Reads during a restore are a new beginning.
  await rm(path);
  await again.restore({ volumeId: 'v', snapshotId: fourth.snapshotId });
  await read(again.get('v').nbdSocket ?? '', 'v', [1]);
  await again.waitRestored('v');
  const fifth = await again.snapshot({ volumeId: 'v' });
  expect(await hotChunksOf(bucket, fifth.snapshotId)).toEqual([1, 7, 3, 9, 4, 15]);

  // A copy takes it along, and a collector takes those alone whose snapshots are gone.
  const to = bucketOf('hot-copy');
  const copy = { from: bucket, to, snapshotId: fifth.snapshotId, now: Date.now, random };
  const copied = await copySnapshot(copy);
  expect(await hotChunksOf(to, copied.snapshotId)).toEqual([1, 7, 3, 9, 4, 15]);
  await deleteSnapshot(bucket, third.snapshotId);
  await deleteSnapshot(bucket, fifth.snapshotId);
  await collectGarbage(bucket, { now: Date.now });
  const hasList = async (snapshotId: string) => bucket.has(keys.hot(snapshotId));
  expect(await Promise.all([third, fourth, fifth].map(async (one) => hasList(one.snapshotId)))).toEqual([
    false,
    true,
    false,
  ]);
});

test('a damaged list costs a snapshot nothing but the list', async () => {
  const volumes = await world.service('hot-damaged');
  const bucket = bucketOf('hot-damaged');
  const { path } = await world.file('hot-damaged', 2 * MiB);
  await volumes.create({ volumeId: 'v', path });
  await read(volumes.get('v').nbdSocket ?? '', 'v', [5, 2]);
  const first = await volumes.snapshot({ volumeId: 'v' });
  await bucket.put(keys.hot(first.snapshotId), random(500));
  await expect(hotChunksOf(bucket, first.snapshotId)).rejects.toMatchObject({ code: 'CORRUPT' });
  const second = await volumes.snapshot({ volumeId: 'v' });
  expect(await hotChunksOf(bucket, second.snapshotId)).toEqual([5, 2]);
  await rm(path);
  await volumes.restore({ volumeId: 'v', snapshotId: first.snapshotId });
  expect(await volumes.waitRestored('v')).toMatchObject({ outcome: 'restored' });
});

test('a restore on its own leaves the order of its clients’ reads to the next one', async () => {
  const bucket = bucketOf('hot-alone');
  const { path } = await world.file('hot-alone', 4 * MiB);
  const url = `s3://${world.s3.bucket}/hot-alone`;
  const env = {
    AWS_ENDPOINT_URL_S3: world.s3.endpoint,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_REGION: 'us-east-1',
  };
  const create = async (...more: string[]) => {
    const made = await runCli(['snapshot', 'create', path, '--to', url, '--json', ...more], { env });
    return (JSON.parse(made.stdout.trim().split('\n').at(-1)!) as { snapshotId: string }).snapshotId;
  };
  const snapshotId = await create();
  const socket = join(world.dir, 'alone.sock');
  const args = ['restore', `${url}/${snapshotId}`, join(world.dir, 'alone-target.img')];
  const flags = ['--nbd', `unix:${socket}`, '--no-background', '--json'];
  const state = ['--state-dir', join(world.dir, 'alone-state')];
  const child = spawn(process.execPath, ['bin/holdfast-agent.ts', ...args, ...flags, ...state], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  await once(createInterface({ input: child.stdout }), 'line');
  await read(socket, 'alone-target.img', [11, 6, 12]);
  expect(await bucket.has(keys.hot(snapshotId))).toBe(false);
  child.kill('SIGTERM');
  await exited;
  expect(await hotChunksOf(bucket, snapshotId)).toEqual([11, 6, 12]);
  expect(await hotChunksOf(bucket, await create('--parent', snapshotId))).toEqual([11, 6, 12]);
});
