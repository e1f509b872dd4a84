import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copySnapshot } from '../../../agent/snapshot/copy-snapshot.ts';
import { collectGarbage } from '../../../agent/snapshot/collect-garbage.ts';
import { deleteSnapshot } from '../../../agent/snapshot/delete-snapshot.ts';
import { openSnapshot } from '../../../agent/snapshot/open-snapshot.ts';
import { HoldfastError } from '../../../core/errors.ts';
import { MemoryBucket } from '../../support/memory-bucket.ts';
import { startS3 } from '../../support/s3.ts';
import { plainBytesIn, snapshotOf, someBytes } from '../../support/snapshots.ts';
import { runCli } from '../cli-runner.ts';

const bytes = someBytes(40 * 4096, 1);
const random = (lengthBytes: number) => crypto.getRandomValues(new Uint8Array(lengthBytes));
const copy = (
  from: MemoryBucket,
  to: MemoryBucket,
  snapshotId: string,
  more: Partial<Parameters<typeof copySnapshot>[0]> = {},
) => copySnapshot({ from, to, snapshotId, now: () => 9_000, random, ...more });

test('a copy is whole without the original, and says of which volume and time it is', async () => {
  const [from, to] = [new MemoryBucket(), new MemoryBucket()];
  const { snapshotId } = await snapshotOf(from, bytes, { now: () => 5_000 });
  const result = await copy(from, to, snapshotId);
  expect(result.snapshotId).not.toBe(snapshotId);
  expect(from.keys('pins/')).toEqual([]);
  await deleteSnapshot(from, snapshotId);
  await collectGarbage(from, { now: () => from.nowMs });
  const copied = await openSnapshot(to, result.snapshotId, { rootHash: result.rootHash });
  expect(copied.root).toMatchObject({ volumeId: 'test', createdAtMs: 5_000, chunkBytes: 4096 });
  expect(Buffer.compare(await plainBytesIn(copied), bytes)).toBe(0);
});

test('what the parent at the destination has is not stored again', async () => {
  const [from, to] = [new MemoryBucket(), new MemoryBucket()];
  const first = await snapshotOf(from, bytes);
  const { snapshotId: parentId } = await copy(from, to, first.snapshotId);
  const changed = Uint8Array.from(bytes).fill(9, 4096, 2 * 4096);
  const second = await snapshotOf(from, changed, { parentId: first.snapshotId });
  const result = await copy(from, to, second.snapshotId, { parentId });
  expect(result.newChunks).toBe(1);
  expect(Buffer.compare(await plainBytesIn(await openSnapshot(to, result.snapshotId)), changed)).toBe(0);
});

test('a damaged chunk ends the copy, and nothing is listed', async () => {
  const [from, to] = [new MemoryBucket(), new MemoryBucket()];
  const { snapshotId } = await snapshotOf(from, bytes);
  const pack = from.objects.get(from.keys('packs/')[0]!)!;
  pack[pack.length - 1]! ^= 1;
  await expect(copy(from, to, snapshotId)).rejects.toMatchObject({ code: 'CORRUPT' });
  expect(to.keys('snapshots/')).toEqual([]);
  expect([...to.keys('intents/'), ...from.keys('pins/')]).toEqual([]);
});

test('who may only read the source can copy all the same, and is told', async () => {
  const [from, to] = [new MemoryBucket(), new MemoryBucket()];
  const { snapshotId } = await snapshotOf(from, bytes);
  from.put = () => Promise.reject(new HoldfastError('FORBIDDEN', 'read only'));
  let told = 0;
  await copy(from, to, snapshotId, { onUnpinned: () => (told += 1) });
  expect(told).toBe(1);
});

test('the command copies between two stores and shows what it did', async () => {
  const [one, two] = [await startS3('one'), await startS3('two')];
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-copy-'));
  try {
    const env = {
      AWS_ENDPOINT_URL_S3: one.endpoint,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      XDG_STATE_HOME: dir,
    };
    const file = join(dir, 'vol1.img');
    await writeFile(file, bytes);
    const made = await runCli(['snapshot', 'create', file, '--to', 's3://one/a', '--json'], { env });
    const { snapshotId } = JSON.parse(made.stdout.trim().split('\n').at(-1)!) as { snapshotId: string };
    const args = ['snapshot', 'copy', `s3://one/a/${snapshotId}`, '--to', 's3://two/b'];
    const there = ['--to-endpoint', two.endpoint, '--parent', 'last'];
    expect(await runCli([...args, ...there], { env })).toMatchObject({ code: 0, stderr: '' });
    const again = await runCli([...args, ...there, '--json'], { env });
    expect(JSON.parse(again.stdout.trim().split('\n').at(-1)!)).toMatchObject({ newChunks: 0 });
    const listed = await runCli(['snapshot', 'list', 's3://two/b', '--json'], {
      env: { ...env, AWS_ENDPOINT_URL_S3: two.endpoint },
    });
    expect(listed.stdout.trim().split('\n')).toHaveLength(2);
    expect(await runCli(args, { env })).toMatchObject({ code: 66, stderr: expect.stringContaining('two') });
  } finally {
    await Promise.all([one.close(), two.close(), rm(dir, { recursive: true })]);
  }
});
