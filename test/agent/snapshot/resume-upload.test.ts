import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openBucket } from '../../../agent/s3/s3-bucket.ts';
import { collectGarbage } from '../../../agent/snapshot/collect-garbage.ts';
import { copySnapshot } from '../../../agent/snapshot/copy-snapshot.ts';
import { deleteSnapshot } from '../../../agent/snapshot/delete-snapshot.ts';
import { listSnapshots } from '../../../agent/snapshot/list-snapshots.ts';
import { openSnapshot } from '../../../agent/snapshot/open-snapshot.ts';
import { openUploadJournal } from '../../../agent/snapshot/upload-journal.ts';
import { HoldfastError } from '../../../core/errors.ts';
import { startFlakyProxy } from '../../support/flaky-proxy.ts';
import { MemoryBucket } from '../../support/memory-bucket.ts';
import { startS3 } from '../../support/s3.ts';
import { inputOf, plainBytesIn, snapshotOf } from '../../support/snapshots.ts';
import { runCli } from '../cli-runner.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const MiB = 1024 * 1024;
const random = (lengthBytes: number) => new Uint8Array(randomBytes(lengthBytes));
/** Incompressible: six packs. */
const bytes = random(40 * MiB);
const chunkBytes = 256 * 1024;
const died = new HoldfastError('UNAVAILABLE', 'S3 is away');

let bucket: MemoryBucket;
let folder: string;
beforeEach(() => {
  bucket = new MemoryBucket();
  folder = join(temporaryDirectory(), 'upload');
});

interface Upload {
  parentId?: string;
  again?: boolean;
  source?: Uint8Array;
  into?: MemoryBucket;
}

/** One run, with a journal as the next process opens it. */
async function upload({ source = bytes, into = bucket, ...more }: Upload = {}) {
  const journal = await openUploadJournal(folder);
  const resumed: string[] = [];
  try {
    const onResume = (id: string) => resumed.push(id);
    const made = await snapshotOf(into, source, { chunkBytes, journal, onResume, ...more });
    return { ...made, resumed };
  } finally {
    await journal.close();
  }
}

/** Ends a run when that many packs have arrived. */
async function interruptedUpload(packs: number, more: Upload = {}): Promise<string> {
  const put = bucket.put.bind(bucket);
  let left = packs;
  bucket.put = async (key, body, options) => {
    if (key.startsWith('packs/') && (left -= 1) < 0) throw died;
    return put(key, body, options);
  };
  await expect(upload(more)).rejects.toBe(died);
  bucket.put = put;
  const [open] = bucket.keys('intents/').filter((key) => key.endsWith('/open'));
  return open!.split('/')[1]!;
}

const bytesIn = async (snapshotId: string) => plainBytesIn(await openSnapshot(bucket, snapshotId));
const expectWhole = async (snapshotId: string, expected = bytes) =>
  expect(Buffer.compare(await bytesIn(snapshotId), expected)).toBe(0);

test('an interrupted upload goes on: what has arrived is not sent again', async () => {
  const snapshotId = await interruptedUpload(4);
  const before = bucket.keys('packs/');
  expect(before).toHaveLength(4);
  const made = await upload();
  expect(made).toMatchObject({ snapshotId, resumed: [snapshotId], newChunks: 160, chunkCount: 160 });
  expect(bucket.keys('packs/')).toHaveLength(6);
  expect(bucket.keys('packs/')).toEqual(expect.arrayContaining(before));
  expect(made.resumedBytes).toBe(4 * 31 * chunkBytes);
  await expectWhole(snapshotId);
  expect(bucket.keys('intents/')).toEqual([]);
  expect(existsSync(folder)).toBe(false);
  // Nothing is left over, and the next one has an id of its own.
  expect(await collectGarbage(bucket, { now: () => 0 })).toMatchObject({ removedObjects: 0 });
  expect((await upload()).snapshotId).not.toBe(snapshotId);
});

test('what changed meanwhile is stored as it is now', async () => {
  const snapshotId = await interruptedUpload(5);
  const source = bytes.slice();
  source.fill(9, 3 * chunkBytes, 4 * chunkBytes);
  source.fill(0, 5 * chunkBytes, 6 * chunkBytes);
  expect(await upload({ source })).toMatchObject({ snapshotId, newChunks: 159 });
  await expectWhole(snapshotId, source);
  expect((await upload({ source: source.subarray(0, 10 * MiB) })).sizeBytes).toBe(10 * MiB);
});

test('a third run goes on with what the first two have stored', async () => {
  const snapshotId = await interruptedUpload(2);
  expect(await interruptedUpload(2)).toBe(snapshotId);
  expect(bucket.keys('packs/')).toHaveLength(4);
  await upload();
  expect(bucket.keys('packs/')).toHaveLength(6);
  await expectWhole(snapshotId);
});

test('with a parent, and with another one the next time', async () => {
  const parent = await snapshotOf(bucket, bytes.subarray(0, 8 * MiB), { chunkBytes });
  const other = await snapshotOf(bucket, bytes.subarray(0, 16 * MiB), { chunkBytes });
  const snapshotId = await interruptedUpload(1, { parentId: parent.snapshotId });
  expect(bucket.keys('pins/')).toEqual([`pins/${parent.snapshotId}/upload-${snapshotId}`]);
  const made = await upload({ parentId: other.snapshotId });
  expect(made).toMatchObject({ snapshotId, newChunks: 31 + 96, parentId: other.snapshotId });
  expect(made.resumedBytes).toBe(31 * chunkBytes);
  expect(bucket.keys('pins/')).toEqual([]);
  await expectWhole(snapshotId);
});

test('a parent that was deleted meanwhile is named, and the upload goes on without it', async () => {
  const parent = await snapshotOf(bucket, bytes.subarray(0, 8 * MiB), { chunkBytes });
  const snapshotId = await interruptedUpload(2, { parentId: parent.snapshotId });
  await deleteSnapshot(bucket, parent.snapshotId, { force: true });
  await expect(upload({ parentId: parent.snapshotId })).rejects.toMatchObject({ code: 'GONE' });
  expect(await upload()).toMatchObject({ snapshotId, resumed: [snapshotId] });
  await expectWhole(snapshotId);
});

test('an upload that a collector gave up begins anew under another id', async () => {
  const snapshotId = await interruptedUpload(3);
  bucket.nowMs = 8 * 24 * 3600_000;
  expect(await collectGarbage(bucket, { now: () => bucket.nowMs })).toMatchObject({
    abandonedUploads: [snapshotId],
    removedObjects: 3,
  });
  const made = await upload();
  expect(made).toMatchObject({ resumed: [], resumedBytes: 0, newChunks: 160 });
  expect(made.snapshotId).not.toBe(snapshotId);
  await expectWhole(made.snapshotId);
});

test('going on makes an old upload young again', async () => {
  const snapshotId = await interruptedUpload(3);
  bucket.nowMs = 6 * 24 * 3600_000;
  expect(await interruptedUpload(1)).toBe(snapshotId);
  bucket.nowMs = 8 * 24 * 3600_000;
  expect(await collectGarbage(bucket, { now: () => bucket.nowMs })).toMatchObject({
    abandonedUploads: [],
    removedObjects: 0,
  });
  expect((await upload()).snapshotId).toBe(snapshotId);
});

test('another bucket, as after an endpoint was changed, has nothing to go on with', async () => {
  const snapshotId = await interruptedUpload(3);
  const into = new MemoryBucket();
  const made = await upload({ into });
  expect(made).toMatchObject({ resumed: [], resumedBytes: 0 });
  expect(made.snapshotId).not.toBe(snapshotId);
});

test('--again leaves what was stored to the collector', async () => {
  const snapshotId = await interruptedUpload(3);
  const made = await upload({ again: true });
  expect(made).toMatchObject({ resumed: [], resumedBytes: 0 });
  expect(await collectGarbage(bucket, { now: () => 0 })).toMatchObject({ removedObjects: 3 });
  expect(bucket.keys(`packs/${snapshotId}`)).toEqual([]);
  await expectWhole(made.snapshotId);
});

test('what the journal forgot, holds of another upload or cannot keep is stored again, and nothing else happens', async () => {
  const snapshotId = await interruptedUpload(4);
  const chunks = join(folder, 'chunks');
  const noted = await readFile(chunks);
  noted.fill(0xff, 64 * 10, 64 * 20);
  await writeFile(chunks, noted);
  await truncate(chunks, 64 * 70 + 5);
  expect(await upload()).toMatchObject({ snapshotId, resumedBytes: 60 * chunkBytes });
  await expectWhole(snapshotId);

  await interruptedUpload(4);
  await writeFile(
    join(folder, 'upload.json'),
    '{"format":"holdfast-upload","version":1,"snapshotId":"../x"}',
  );
  expect(await upload()).toMatchObject({ resumed: [], resumedBytes: 0 });

  await mkdir(join(folder, 'chunks'), { recursive: true });
  const put = bucket.put.bind(bucket);
  bucket.put = (key, body) => (key.startsWith('packs/') ? Promise.reject(died) : put(key, body));
  await expect(upload()).rejects.toBe(died);
  bucket.put = put;
  expect((await upload()).newChunks).toBe(160);
});

test('packs that are gone, or shorter, are stored again, whatever the journal says', async () => {
  const snapshotId = await interruptedUpload(4);
  const [gone, cut] = bucket.keys('packs/');
  bucket.objects.delete(gone!);
  bucket.objects.set(cut!, bucket.objects.get(cut!)!.subarray(0, 16 + 10 * chunkBytes));
  expect(await upload()).toMatchObject({ snapshotId, resumedBytes: (2 * 31 + 10) * chunkBytes });
  await expectWhole(snapshotId);
});

test.each(['intents', 'snapshots'])(
  'a journal from before the %s of an upload that has ended changes nothing of it',
  async (missing) => {
    const snapshotId = await interruptedUpload(4);
    await cp(folder, `${folder}.old`, { recursive: true });
    const { put, delete: remove } = bucket;
    // As far as a run came that was killed: sealed, or with its snapshot there and the seal taken away.
    bucket.delete = (gone) =>
      missing === 'intents' || !gone[0]?.endsWith('/sealed')
        ? Promise.reject(died)
        : remove.call(bucket, gone);
    if (missing === 'intents')
      bucket.put = (key, body, options) =>
        key.startsWith('snapshots/') ? Promise.reject(died) : put.call(bucket, key, body, options);
    const first = await upload().catch((thrown: unknown) => thrown);
    expect(first).toEqual(missing === 'intents' ? died : expect.objectContaining({ snapshotId }));
    Object.assign(bucket, { put, delete: remove });
    await rename(`${folder}.old`, folder);
    const source = bytes.slice().fill(9, 0, MiB);
    const made = await upload({ source });
    expect(made).toMatchObject({ resumed: [], resumedBytes: 0 });
    await collectGarbage(bucket, { now: () => 0, abandonAfterMs: 0 });
    await expectWhole(snapshotId);
    await expectWhole(made.snapshotId, source);
  },
);

test('of two that go on with one upload, against all promises, one snapshot stays and the other run fails', async () => {
  const snapshotId = await interruptedUpload(4);
  const paused = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  const slow = await openUploadJournal(folder);
  const source = {
    ...inputOf(bytes.slice().fill(9, 39 * MiB)),
    finish: () => {
      reached.resolve();
      return paused.promise;
    },
  };
  const slowly = snapshotOf(bucket, bytes, { chunkBytes, journal: slow, source });
  await reached.promise;
  expect(await upload()).toMatchObject({ snapshotId });
  // The next upload of the same volume has the folder by now.
  const next = await interruptedUpload(1);
  paused.resolve();
  await expect(slowly).rejects.toMatchObject({ code: 'CONFLICT' });
  await expectWhole(snapshotId);
  expect((await upload()).snapshotId).toBe(next);
  await collectGarbage(bucket, { now: () => 0, abandonAfterMs: 0 });
  await expectWhole(snapshotId);
  await expectWhole(next);
});

test('what stands where the journal belongs, or takes it away, holds up nothing', async () => {
  const at = join(folder, 'upload.json');
  const pipe = async (path: string) => void (await promisify(execFile)('mkfifo', [path]));
  await mkdir(folder, { recursive: true });
  for (const name of [at, `${at}.tmp`, join(folder, 'chunks')]) {
    await mkdir(folder, { recursive: true });
    await pipe(name);
    expect((await upload()).newChunks).toBe(160);
    await rm(folder, { recursive: true, force: true });
  }
  await mkdir(at, { recursive: true });
  expect((await upload()).newChunks).toBe(160);
  await rm(folder, { recursive: true, force: true });

  const put = bucket.put.bind(bucket);
  bucket.put = async (key, body, options) => {
    if (key.startsWith('packs/')) await rm(folder, { recursive: true, force: true });
    return put(key, body, options);
  };
  expect((await upload()).newChunks).toBe(160);
});

test('a snapshot that took two runs is listed by its point in time', async () => {
  const snapshotId = await interruptedUpload(2);
  const between = await snapshotOf(bucket, bytes, { chunkBytes, now: () => Date.now() + 1_000 });
  const journal = await openUploadJournal(folder);
  await snapshotOf(bucket, bytes, { chunkBytes, journal, now: () => Date.now() + 2_000 });
  const listed = await listSnapshots(bucket);
  expect(listed.map((each) => each.snapshotId)).toEqual([between.snapshotId, snapshotId]);
});

test('nothing remembers an upload from the moment on that it is sealed: its requests may arrive at any time', async () => {
  const put = bucket.put.bind(bucket);
  const seen: string[] = [];
  bucket.put = async (key, body) => {
    if (key.startsWith('packs/')) seen.push(`pack ${existsSync(join(folder, 'upload.json'))}`);
    if (!key.endsWith('/sealed')) return put(key, body);
    seen.push(`sealed ${existsSync(join(folder, 'upload.json'))}`);
    throw died;
  };
  await expect(upload()).rejects.toBe(died);
  expect(seen).toEqual([...new Array<string>(6).fill('pack true'), 'sealed false']);
  bucket.put = put;
  expect((await upload()).resumed).toEqual([]);
});

test('an upload that stored nothing leaves nothing behind', async () => {
  bucket.put = ((put) => (key: string, body: Uint8Array) =>
    key.startsWith('packs/') ? Promise.reject(died) : put(key, body))(bucket.put.bind(bucket));
  await expect(upload()).rejects.toBe(died);
  expect([...bucket.keys('intents/'), ...bucket.keys('packs/')]).toEqual([]);
  expect(existsSync(join(folder, 'upload.json'))).toBe(false);
});

test('a copy goes on as well', async () => {
  const from = new MemoryBucket();
  const { snapshotId } = await snapshotOf(from, bytes, { chunkBytes });
  const copy = async () => {
    const journal = await openUploadJournal(folder);
    const options = { from, to: bucket, snapshotId, now: () => 1, random, journal };
    return copySnapshot(options).finally(() => journal.close());
  };
  const put = bucket.put.bind(bucket);
  let packs = 0;
  bucket.put = async (key, body) => {
    if (key.startsWith('packs/') && (packs += 1) > 3) throw died;
    return put(key, body);
  };
  await expect(copy()).rejects.toBe(died);
  bucket.put = put;
  const made = await copy();
  expect(made.resumedBytes).toBe(3 * 31 * chunkBytes);
  expect(bucket.keys('packs/')).toHaveLength(6);
  await expectWhole(made.snapshotId);
});

test('a process that is killed goes on with its upload the next time', async () => {
  const s3 = await startS3();
  const proxy = await startFlakyProxy(s3.endpoint);
  const dir = temporaryDirectory();
  const file = join(dir, 'vol.img');
  await writeFile(file, Buffer.concat([bytes, random(24 * MiB)]));
  const env = {
    AWS_ENDPOINT_URL_S3: proxy.endpoint,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    XDG_STATE_HOME: dir,
  };
  const args = ['snapshot', 'create', file, '--to', `s3://${s3.bucket}/killed`, '--json'];
  const program = fileURLToPath(new URL('../../../bin/holdfast-agent.ts', import.meta.url));
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, ...env },
    stdio: 'ignore',
  });
  const isPack = (label: string) => label.startsWith('PUT ') && label.includes('/packs/');
  // At most four are on their way at one time: three have arrived.
  proxy.faultFor = (label) => {
    if (isPack(label) && proxy.requests.filter(isPack).length === 7) child.kill('SIGKILL');
    return undefined;
  };
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
  const before = proxy.requests.filter(isPack).length;

  const run = await runCli(args, { env });
  expect(run).toMatchObject({ code: 0, stderr: '' });
  const lines = run.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines[0]).toMatchObject({ event: 'resumed' });
  const { snapshotId, resumedBytes } = lines.at(-1)!;
  expect(lines[0]).toMatchObject({ snapshotId });
  expect(resumedBytes).toBeGreaterThanOrEqual(3 * 31 * chunkBytes);
  expect(proxy.requests.filter(isPack).length - before).toBeLessThanOrEqual(9 - 3);
  const stored = openBucket({ client: s3.client, bucket: s3.bucket, prefix: 'killed/' });
  const plain = await plainBytesIn(await openSnapshot(stored, snapshotId as string));
  expect(Buffer.compare(plain, await readFile(file))).toBe(0);
  expect(await readdir(join(dir, 'holdfast', 'uploads'))).toEqual([]);
  await proxy.close();
  await s3.close();
});

test('Ctrl-C says that the same command goes on; where nothing can be kept the upload runs all the same', async () => {
  const s3 = await startS3();
  const proxy = await startFlakyProxy(s3.endpoint);
  const dir = temporaryDirectory();
  const file = join(dir, 'vol.img');
  await writeFile(file, bytes);
  const env = {
    AWS_ENDPOINT_URL_S3: proxy.endpoint,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  };
  const args = ['snapshot', 'create', file, '--to', `s3://${s3.bucket}/stopped`];
  const stopping = new AbortController();
  proxy.faultFor = (label) => {
    if (label.includes('/packs/') && proxy.requests.filter((each) => each.includes('/packs/')).length === 6)
      stopping.abort(new HoldfastError('STEP_FAILED', 'stopped by SIGINT'));
    return undefined;
  };
  const stateDir = ['--state-dir', join(dir, 'state')];
  const stopped = await runCli([...args, ...stateDir], { env, signal: stopping.signal });
  expect(stopped).toMatchObject({
    code: 1,
    stderr:
      'error: STEP_FAILED: stopped by SIGINT — what has arrived is kept: the same command goes on from there\n',
  });
  proxy.faultFor = () => undefined;
  const goesOn = await runCli([...args, ...stateDir], { env });
  expect(goesOn.stdout).toMatch(/^going on with the upload of \w{26}, which was interrupted\n/);
  expect(goesOn.stdout).toMatch(/ uploaded \(\d.* of them before\)\n/);

  await writeFile(join(dir, 'no-directory'), '');
  const named = await runCli([...args, '--state-dir', join(dir, 'no-directory')], { env });
  expect(named).toMatchObject({ code: 74, stderr: expect.stringContaining('--state-dir') as string });
  const none = await runCli(args, { env: { ...env, XDG_STATE_HOME: join(dir, 'no-directory') } });
  expect(none).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/^note: once interrupted, this upload begins anew: /) as string,
  });
  await proxy.close();
  await s3.close();
});

test('two at once of the same volume to the same place do not share an upload', async () => {
  const s3 = await startS3();
  const proxy = await startFlakyProxy(s3.endpoint);
  const dir = temporaryDirectory();
  const file = join(dir, 'vol.img');
  await writeFile(file, bytes);
  const env = {
    AWS_ENDPOINT_URL_S3: proxy.endpoint,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  };
  const args = ['snapshot', 'create', file, '--to', `s3://${s3.bucket}/two`, '--force', '--json'];
  args.push('--state-dir', join(dir, 'state'));
  // There is one to go on with: only one of the two may.
  const stopping = new AbortController();
  proxy.faultFor = (label) => {
    if (label.includes('/packs/') && proxy.requests.filter((each) => each.includes('/packs/')).length === 6)
      stopping.abort(new HoldfastError('STEP_FAILED', 'stopped by SIGINT'));
    return undefined;
  };
  expect(await runCli(args, { env, signal: stopping.signal })).toMatchObject({ code: 1 });
  proxy.faultFor = () => undefined;
  const both = await Promise.all([1, 2].map(() => runCli(args, { env })));
  expect(both).toMatchObject([
    { code: 0, stderr: '' },
    { code: 0, stderr: '' },
  ]);
  expect(both.filter(({ stdout }) => stdout.includes('"event":"resumed"'))).toHaveLength(1);
  const ids = both.map(({ stdout }) => /"snapshotId":"(\w+)",?[^\n]*\n$/.exec(stdout)?.[1]);
  expect(new Set(ids).size).toBe(2);
  await proxy.close();
  await s3.close();
});
