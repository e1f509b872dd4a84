import { mkdtemp, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { DeleteObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { runAgentCli } from '../../../agent/cli/program.ts';
import { openBucket } from '../../../agent/s3/s3-bucket.ts';
import { openSnapshot } from '../../../agent/snapshot/open-snapshot.ts';
import { startS3, type TestS3 } from '../../support/s3.ts';
import { runCli } from '../cli-runner.ts';
import { plainBytesIn, someBytes } from '../../support/snapshots.ts';

let s3: TestS3;
let directory: string;
beforeAll(async () => {
  s3 = await startS3();
  directory = await mkdtemp(join(tmpdir(), 'holdfast-snapshot-cli-'));
});
afterAll(async () => {
  await s3.close();
  await rm(directory, { recursive: true });
});

async function run(...args: string[]): Promise<{ exit: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const exit = await runAgentCli(['snapshot', ...args], {
    env: { AWS_ENDPOINT_URL_S3: s3.endpoint, AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' },
    stdin: Readable.from([]),
    stdout: (text) => (out += text),
    stderr: (text) => (err += text),
    now: Date.now,
    signal: new AbortController().signal,
    interactive: false,
    restartProcess: () => undefined,
  });
  return { exit, out, err };
}

const jsonLines = (out: string) =>
  out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
const lastLine = (out: string) => jsonLines(out).at(-1)!;

test('a file goes to S3 and back, a second time only what differs, and away again', async () => {
  const [file, url] = [join(directory, 'disk.img'), `s3://${s3.bucket}/cli`];
  const bytes = someBytes(3 * 1024 * 1024, 1, 65_536);
  await writeFile(file, bytes);
  await truncate(file, 5 * 1024 * 1024);
  const first = lastLine((await run('create', file, '--to', url, '--chunk-size', '64KiB', '--json')).out);
  expect(first).toMatchObject({ event: 'created', sizeBytes: 5 * 1024 * 1024, chunkCount: 80 });

  await writeFile(file, Buffer.alloc(65_536, 9), { flag: 'r+' });
  const made = await run('create', file, '--to', url, '--parent', 'last');
  expect(made).toMatchObject({ exit: 0, err: '' });
  expect(made.out).toContain('1 of 80 chunks new');

  const listed = jsonLines((await run('list', url, '--json')).out);
  expect(listed).toHaveLength(2);
  expect(listed[1]).toMatchObject({ volumeId: 'disk.img', parentId: first['snapshotId'] });
  const id = listed[1]!['snapshotId'] as string;
  expect((await run('list', url)).out).toContain(id);

  const bucket = openBucket({ client: s3.client, bucket: s3.bucket, prefix: 'cli/' });
  const plain = await plainBytesIn(await openSnapshot(bucket, id));
  const expected = Buffer.alloc(5 * 1024 * 1024);
  expected.set(bytes);
  expected.fill(9, 0, 65_536);
  expect(Buffer.compare(plain, expected)).toBe(0);

  expect((await run('verify', `${url}/${id}`)).out).toContain(`${id} is whole`);
  expect((await run('delete', `${url}/${first['snapshotId'] as string}`)).exit).toBe(0);
  expect((await run('verify', `${url}/${id}`)).exit).toBe(0);
  expect((await run('delete', `${url}/${id}`, '--no-gc')).out).toBe(`deleted ${id}\n`);
  expect((await run('delete', `${url}/${id}`, '--no-gc')).out).toBe(`${id} was deleted already\n`);
  expect((await run('gc', url, '--dry-run')).out).toMatch(/^would free [1-9]/);
  expect(lastLine((await run('gc', url, '--json')).out)).toMatchObject({
    removedSnapshots: [id],
    liveSnapshots: 0,
  });
  expect((await run('list', url)).out).toBe(`no snapshots in ${url}\n`);
});

test('verify names what is damaged and exits with 65', async () => {
  const [file, url] = [join(directory, 'small.img'), `s3://${s3.bucket}/damaged`];
  await writeFile(file, Buffer.alloc(300_000, 7));
  const { snapshotId } = lastLine((await run('create', file, '--to', url, '--json')).out);
  const packs = await s3.client.send(
    new ListObjectsV2Command({ Bucket: s3.bucket, Prefix: 'damaged/packs/' }),
  );
  const Key = packs.Contents![0]!.Key!;
  await s3.client.send(new DeleteObjectCommand({ Bucket: s3.bucket, Key }));
  const verified = await run('verify', `${url}/${String(snapshotId)}`);
  expect(verified.exit).toBe(65);
  expect(verified.out).toContain(`chunk 0 (${Key.replace('damaged/', '')}`);
  expect(verified.err).toMatch(/^error: CORRUPT: 2 of 2 chunks cannot be restored — /);
});

test.each([
  ['a source that does not exist', ['create', '/no/such/file', '--to', 's3://test-bucket'], 66, 'NOT_FOUND'],
  ['a location that is no URL', ['list', 'bucket/prefix'], 65, 'INVALID_INPUT'],
  ['a bucket that does not exist', ['list', 's3://no-such-bucket'], 66, 'NOT_FOUND'],
  ['a snapshot that does not exist', ['verify', `s3://test-bucket/${'0'.repeat(26)}`], 66, 'NOT_FOUND'],
  ['an id that is none', ['delete', 's3://test-bucket/x'], 65, 'INVALID_INPUT'],
  [
    'a size that is none',
    ['create', '/etc/hostname', '--to', 's3://test-bucket', '--chunk-size', '1X'],
    64,
    'USAGE',
  ],
  [
    'an odd chunk size',
    ['create', '/etc/hostname', '--to', 's3://test-bucket', '--chunk-size', '5000'],
    65,
    'INVALID_INPUT',
  ],
  ['a directory', ['create', '/tmp', '--to', 's3://test-bucket'], 65, 'INVALID_INPUT'],
  ['no destination', ['create', '/etc/hostname'], 64, 'USAGE'],
])('%s is refused in one line', async (_, args, exit, code) => {
  const refused = await run(...args);
  expect(refused.err).toMatch(new RegExp(`^error: ${code}: .*( — .*)?\n$`));
  expect(refused).toMatchObject({ exit, out: '' });
});

test('a file that is written to meanwhile fails the snapshot, unless forced', async () => {
  const { openPathInput } = await import('../../../agent/snapshot/path-input.ts');
  const file = join(directory, 'busy.img');
  await writeFile(file, Buffer.alloc(8192, 1));
  const [strict, forced] = [await openPathInput(file), await openPathInput(file, { force: true })];
  await writeFile(file, Buffer.alloc(8192, 2));
  await expect(strict.finish!()).rejects.toMatchObject({ code: 'CONFLICT' });
  await rename(file, `${file}.elsewhere`);
  await expect(strict.finish!()).rejects.toMatchObject({ code: 'CONFLICT' });
  await rename(`${file}.elsewhere`, file);
  await expect(forced.finish!()).resolves.toBeUndefined();
  await Promise.all([strict.close(), forced.close()]);
});

test('“last” of a volume that has none is told, and a snapshot is not a place to list', async () => {
  const [file, url] = [join(directory, 'first.img'), `s3://${s3.bucket}/first`];
  await writeFile(file, someBytes(65_536, 3));
  const first = await run('create', file, '--to', url, '--parent', 'last');
  expect(first).toMatchObject({
    exit: 0,
    err: `note: ${url} has no snapshot of volume first.img yet: everything is uploaded; --volume names another one\n`,
  });
  const made = /snapshot (\w{26})/.exec(first.out)![1]!;
  for (const tail of ['', '/']) {
    const listed = await run('list', `${url}/${made}${tail}`);
    expect(listed.exit).toBe(65);
    expect(listed.err).toContain(`snapshot list ${url}\` lists it`);
  }
});

test('an endpoint that is no URL is named', async () => {
  const list = (env: Record<string, string>) => runCli(['snapshot', 'list', `s3://${s3.bucket}/x`], { env });
  expect(await list({ AWS_ENDPOINT_URL_S3: 'foo' })).toMatchObject({
    code: 78,
    stderr: expect.stringContaining('AWS_ENDPOINT_URL_S3 has to be a URL') as string,
  });
});
