import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeMark } from '../../../core/restore/mark.ts';
import { openBucket } from '../../../agent/s3/s3-bucket.ts';
import { makeVolumeService } from '../../../agent/volumes/volume-service.ts';
import { inputOf, snapshotOf, someBytes } from '../../support/snapshots.ts';
import { startS3, type TestS3 } from '../../support/s3.ts';
import { runCli } from '../cli-runner.ts';

const MiB = 1024 * 1024;
const chunkBytes = 64 * 1024;
const bytes = someBytes(8 * MiB, 3, chunkBytes).fill(7, 0, chunkBytes);
let s3: TestS3;
let dir: string;
let path: string;
let urls: string[];

const env = (home: string) => ({
  AWS_ENDPOINT_URL_S3: s3.endpoint,
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  AWS_REGION: 'us-east-1',
  XDG_STATE_HOME: join(dir, home),
});

beforeAll(async () => {
  s3 = await startS3();
  dir = await mkdtemp(join(tmpdir(), 'holdfast-unfinished-'));
  const bucket = openBucket({ client: s3.client, bucket: s3.bucket, prefix: 'p/' });
  const one = await snapshotOf(bucket, bytes, { source: inputOf(bytes), chunkBytes });
  const two = await snapshotOf(bucket, bytes, { source: inputOf(bytes), chunkBytes });
  urls = [one, two].map(({ snapshotId }) => `s3://${s3.bucket}/p/${snapshotId}`);
  path = join(dir, 'half.img');
  await restoreABit();
});
afterAll(async () => {
  await s3.close();
  await rm(dir, { recursive: true });
});

/** A restore that was stopped after its first blocks, so that the front of the file is a file system's again. */
async function restoreABit(): Promise<void> {
  const stop = new AbortController();
  const args = ['restore', urls[0] ?? '', path, '--bandwidth', '1MiB', '--json'];
  const run = runCli(args, { env: env('here'), signal: stop.signal });
  const ended = run.then((result) => {
    throw new Error(`the restore ended: ${result.stderr}`);
  });
  while (await Promise.race([ended, frontIsMarked()])) await new Promise(setImmediate);
  stop.abort();
  expect(await run).toMatchObject({ code: 1 });
}

async function frontIsMarked(): Promise<boolean> {
  const file = await open(path, 'r').catch(() => undefined);
  if (!file) return true;
  await using held = file;
  const { buffer, bytesRead } = await held.read(Buffer.alloc(64), 0, 64, 0);
  return bytesRead < 64 || buffer.every((byte) => byte === 0) || describeMark(buffer) !== undefined;
}

describe('a file whose restore is not complete, and whose front is restored', () => {
  const refused = { code: 83, stderr: expect.stringContaining('WRONG_TARGET') as string };

  it.each([
    ['serve', () => ['serve', path, '--nbd', `unix:${join(dir, 'a.sock')}`]],
    ['snapshot create', () => ['snapshot', 'create', path, '--to', `s3://${s3.bucket}/q`]],
    ['restore from another snapshot and state directory', () => ['restore', urls[1] ?? '', path]],
  ])('is refused by %s', async (name, args) => {
    const other = name.startsWith('restore') ? ['--state-dir', join(dir, 'elsewhere')] : [];
    const run = await runCli([...args(), ...other], { env: env('here') });
    expect(run).toMatchObject(refused);
    expect(run.stderr).toContain('is not complete');
  });

  it('is refused by snapshot create where nothing is remembered of the restore: its blocks say so', async () => {
    const args = ['snapshot', 'create', path, '--to', `s3://${s3.bucket}/q`];
    const run = await runCli(args, { env: env('nowhere') });
    expect(run).toMatchObject(refused);
    expect(run.stderr).toContain('marks');
    const forced = await runCli([...args, '--force', '--json'], { env: env('nowhere') });
    expect(forced).toMatchObject({ code: 0 });
  });

  it('becomes no volume', async () => {
    const volumes = makeVolumeService({
      directory: join(dir, 'volumes'),
      nbdSocket: join(dir, 'v.sock'),
      stateDirectories: [join(dir, 'here', 'holdfast')],
      bucketFor: () => Promise.reject(new Error('no bucket is needed')),
    });
    await volumes.start();
    try {
      await expect(volumes.create({ volumeId: 'v', path })).rejects.toMatchObject({ code: 'WRONG_TARGET' });
    } finally {
      await volumes.close();
    }
  });
});
