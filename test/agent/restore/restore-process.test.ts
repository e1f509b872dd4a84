import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { openBucket } from '../../../agent/s3/s3-bucket.ts';
import { NbdClient } from '../../../cli/demo/nbd-client.ts';
import { inputOf, snapshotOf, someBytes, toArray } from '../../support/snapshots.ts';
import { startS3, type TestS3 } from '../../support/s3.ts';
import { runCli } from '../cli-runner.ts';

const MiB = 1024 * 1024;
const chunkBytes = 64 * 1024;
const bytes = someBytes(24 * MiB + 5000, 7, chunkBytes);
let s3: TestS3;
let dir: string;
let url: string;
const running = new Set<ChildProcess>();

beforeAll(async () => {
  s3 = await startS3();
  dir = await mkdtemp(join(tmpdir(), 'holdfast-restore-'));
  const bucket = openBucket({ client: s3.client, bucket: s3.bucket, prefix: 'p/' });
  const { snapshotId } = await snapshotOf(bucket, bytes, { source: inputOf(bytes), chunkBytes });
  url = `s3://${s3.bucket}/p/${snapshotId}`;
});
afterAll(async () => {
  for (const child of running) child.kill('SIGKILL');
  await s3.close();
  await rm(dir, { recursive: true });
});

const sha = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

const env = () => ({
  AWS_ENDPOINT_URL_S3: s3.endpoint,
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  AWS_REGION: 'us-east-1',
});

/** A real process of the agent's CLI; `event(name)` resolves with its next JSON line of that name. */
function agent(args: string[]) {
  const child = spawn(
    process.execPath,
    ['bin/holdfast-agent.ts', ...args, '--state-dir', join(dir, 'state'), '--json'],
    {
      env: { ...process.env, ...env() },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  running.add(child);
  let stderr = '';
  child.stderr.on('data', (data) => (stderr += String(data)));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const exit = once(child, 'exit').then(([code, signal]) => {
    running.delete(child);
    return { code: code as number | null, signal: signal as string | null, stderr };
  });
  return {
    child,
    exit,
    async event(name: string, accept: (event: Record<string, unknown>) => boolean = () => true) {
      for (;;) {
        const { value, done } = await lines.next();
        if (done) throw new Error(`the process ended before “${name}”: ${stderr}`);
        const event = JSON.parse(value) as Record<string, unknown>;
        if (event['event'] === name && accept(event)) return event;
      }
    },
  };
}

describe('holdfast-agent restore', () => {
  it('restores a snapshot to a new file and says so', async () => {
    const target = join(dir, 'new.img');
    const run = agent(['restore', url, target]);
    expect(await run.exit).toMatchObject({ code: 0, stderr: '' });
    expect(sha(await readFile(target))).toBe(sha(bytes));
  });

  it('goes on after SIGKILL where it was, and keeps what was written and flushed', async () => {
    const target = join(dir, 'killed.img');
    await writeFile(target, Buffer.alloc(bytes.length, 0xee));
    const socket = join(dir, 'killed.sock');
    const args = [
      'restore',
      url,
      target,
      '--nbd',
      `unix:${socket}`,
      '--bandwidth',
      '4MiB',
      '--exit-when-done',
    ];
    const expected = Buffer.from(bytes);
    const first = agent(args);
    expect(await first.event('open')).toMatchObject({ isResumed: false, fraction: 0 });
    let nbd = await NbdClient.open(socket, 'killed.img');
    await overwrite(nbd, expected, [20 * MiB + 512, 8 * MiB, 1000]);
    const { fraction } = await first.event('progress', (event) => Number(event['fraction']) > 0.1);
    expect(fraction).toBeLessThan(1);
    first.child.kill('SIGKILL');
    expect(await first.exit).toMatchObject({ signal: 'SIGKILL' });
    nbd.close();

    const second = agent(args.map((arg) => (arg === '4MiB' ? '400MiB' : arg)));
    expect(await second.event('open')).toMatchObject({ isResumed: true });
    nbd = await NbdClient.open(socket, 'killed.img');
    expect(sha(await nbd.read(20 * MiB, 4096))).toBe(sha(expected.subarray(20 * MiB, 20 * MiB + 4096)));
    await overwrite(nbd, expected, [23 * MiB + 4096]);
    nbd.close();
    await second.event('restored');
    expect(await second.exit).toMatchObject({ code: 0 });
    expect(sha(await readFile(target))).toBe(sha(expected));
    expect((await stat(target)).size).toBe(bytes.length);
  });

  it('says that everything is restored, lets go of the snapshot and goes on serving until it is told to end', async () => {
    const target = join(dir, 'served.img');
    const socket = join(dir, 'served.sock');
    const run = agent(['restore', url, target, '--nbd', `unix:${socket}`]);
    expect(await run.event('restored')).toMatchObject({ fraction: 1 });
    const nbd = await NbdClient.open(socket, 'served.img');
    expect(sha(await nbd.read(0, MiB))).toBe(sha(bytes.subarray(0, MiB)));
    nbd.close();
    run.child.kill('SIGTERM');
    expect(await run.exit).toMatchObject({ code: 0 });
  });

  it('that is to end when it is done says so where it is ended before', async () => {
    const target = join(dir, 'ended.img');
    const socket = join(dir, 'ended.sock');
    const flags = ['--nbd', `unix:${socket}`, '--exit-when-done', '--bandwidth', '1MiB'];
    const running = agent(['restore', url, target, ...flags]);
    await running.event('progress', (event) => Number(event['fraction']) > 0);
    running.child.kill('SIGTERM');
    const { code, stderr } = await running.exit;
    expect([code, stderr]).toEqual([1, expect.stringContaining('is not complete')]);
  });

  it('ends cleanly on SIGTERM and goes on with the next run', async () => {
    const target = join(dir, 'term.img');
    const first = agent(['restore', url, target, '--bandwidth', '4MiB']);
    await first.event('progress', (event) => Number(event['fraction']) > 0);
    first.child.kill('SIGTERM');
    const ended = await first.exit;
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain('the same command goes on where it was');
    const look = await runCli(['volume', 'inspect', target, '--json', '--state-dir', join(dir, 'state')]);
    expect(JSON.parse(look.stdout)).toMatchObject({
      sizeBytes: Math.ceil(bytes.length / 4096) * 4096,
      restore: { phase: 'restoring' },
    });
    const asText = await runCli(['volume', 'inspect', target, '--state-dir', join(dir, 'state')]);
    expect(asText.stdout).toMatch(
      /\nrestore: {2}\w+ of snapshot \w{26}: restoring, \d+ % or more is durably there\n/,
    );
    const second = agent(['restore', url, target]);
    expect(await second.event('open')).toMatchObject({ isResumed: true });
    expect(await second.exit).toMatchObject({ code: 0 });
    expect(sha(await readFile(target))).toBe(sha(bytes));
  });

  it('tells people what came of it: of a server that was stopped early, and of a file that was restored before', async () => {
    const target = join(dir, 'told.img');
    const args = ['restore', url, target, '--state-dir', join(dir, 'state')];
    const stopping = new AbortController();
    const stopped = await runCli([...args, '--nbd', `unix:${join(dir, 'told.sock')}`, '--no-background'], {
      env: env(),
      signal: stopping.signal,
      onStdout: (text) => void (text.startsWith('uri: ') && stopping.abort()),
    });
    expect(stopped).toMatchObject({ code: 0, stderr: '' });
    expect(stopped.stdout.split('\n')[1]).toBe(
      `stopped at 0.0 %: ${target} is not complete; the same command goes on where it was`,
    );
    const goesOn = await runCli(args, { env: env() });
    expect(goesOn.stdout).toMatch(/^going on with \w{26}: 0.0 % or more is there\nrestored: /);
    await writeFile(target, 'mine', { flag: 'r+' });
    const before = await runCli(args, { env: env() });
    expect(before).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/ before, nothing is done to it.*\n$/),
    });
    expect(before.stdout).not.toContain('restored: ');
  });

  it('refuses a target that is too small, a snapshot or directory that is not there, options that make no sense', async () => {
    const small = join(dir, 'small.img');
    await writeFile(small, 'too small');
    const refusals = [
      [[url, small], 65, 'INVALID_INPUT'],
      [[`${url.slice(0, -1)}${url.endsWith('0') ? '1' : '0'}`, join(dir, 'x.img')], 66, 'NOT_FOUND'],
      [[url, join(dir, 'no-such', 'x.img')], 66, 'NOT_FOUND'],
      [[url, join(dir, 'x.img'), '--no-background'], 64, 'USAGE'],
      [[url, join(dir, 'x.img'), '--arity', '1'], 65, 'INVALID_INPUT'],
      [[url, join(dir, 'x.img'), '--bandwidth', '0'], 64, 'USAGE'],
      [[url, join(dir, 'x.img'), '--nbd', `unix:${join(dir, 'no-such', 's')}`], 78, 'CONFIG'],
      [[url, join(dir, 'x.img'), '--nbd', `unix:${dir}/s`, '--export-name', 'é'.repeat(2049)], 64, 'USAGE'],
    ] as const;
    for (const [args, code, name] of refusals) {
      const run = await runCli(['restore', ...args, '--state-dir', join(dir, 'state')], { env: env() });
      expect([run.code, run.stderr]).toEqual([code, expect.stringContaining(`error: ${name}`)]);
    }
    expect(await readFile(small, 'utf8')).toBe('too small');
    await expect(stat(join(dir, 'x.img'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('ends where everything that is left is damaged, and completes the file when that is whole again', async () => {
    const bucket = openBucket({ client: s3.client, bucket: s3.bucket, prefix: 'damaged/' });
    const { snapshotId } = await snapshotOf(bucket, bytes, { source: inputOf(bytes), chunkBytes });
    const target = join(dir, 'damaged.img');
    const args = ['restore', `s3://${s3.bucket}/damaged/${snapshotId}`, target];
    const listed = await toArray(bucket.list('packs/'));
    const { key } = listed[0]!;
    const whole = await bucket.get(key, { maxBytes: 64 * MiB });
    const flipped = Buffer.from(whole);
    flipped[1000]! ^= 1;
    await bucket.put(key, flipped);
    const ended = await agent(args).exit;
    expect([ended.code, ended.stderr]).toEqual([
      65,
      expect.stringMatching(/CORRUPT: .*damaged.img is not complete: .* — the same command tries again/),
    ]);
    // With clients it goes on.
    const socket = join(dir, 'damaged.sock');
    const serving = agent([...args, '--nbd', `unix:${socket}`]);
    expect(await serving.event('open')).toMatchObject({ isResumed: true });
    await bucket.put(key, whole);
    await serving.event('restored');
    serving.child.kill('SIGTERM');
    expect(await serving.exit).toMatchObject({ code: 0 });
    expect(sha(await readFile(target))).toBe(sha(bytes));
  });

  it('refuses the wrong disk, and a target that another process restores', async () => {
    const target = join(dir, 'swapped.img');
    const first = agent(['restore', url, target, '--bandwidth', '1MiB']);
    await first.event('progress', (event) => Number(event['fraction']) > 0);
    const rival = await agent(['restore', url, target]).exit;
    expect([rival.code, rival.stderr]).toEqual([82, expect.stringContaining('BUSY')]);
    first.child.kill('SIGKILL');
    await first.exit;
    await rm(target);
    await writeFile(`${target}.new`, '');
    await truncate(`${target}.new`, bytes.length);
    await rename(`${target}.new`, target);
    const refused = await agent(['restore', url, target]).exit;
    expect(refused.code).toBe(83);
    expect(refused.stderr).toMatch(/WRONG_TARGET: .* is not the disk or file whose restore was begun/);
    expect(await agent(['restore', url, target, '--again']).exit).toMatchObject({ code: 0 });
    expect(sha(await readFile(target))).toBe(sha(bytes));
  });

  it('never says “restored” of a target that somebody else cut or deleted meanwhile', async () => {
    const cut = join(dir, 'cut.img');
    const socket = join(dir, 'cut.sock');
    const serving = agent(['restore', url, cut, '--bandwidth', '8MiB', '--nbd', `unix:${socket}`]);
    await serving.event('progress', (event) => Number(event['fraction']) > 0.1);
    await truncate(cut, 0);
    const ended = await serving.exit;
    expect([ended.code, ended.stderr]).toEqual([74, expect.stringContaining(`somebody else cut ${cut} to `)]);
    const again = await agent(['restore', url, cut]).exit;
    expect([again.code, again.stderr]).toEqual([83, expect.stringContaining('was truncated since')]);

    const deleted = join(dir, 'deleted.img');
    const run = agent(['restore', url, deleted, '--bandwidth', '16MiB']);
    await run.event('progress', (event) => Number(event['fraction']) > 0.1);
    await rm(deleted);
    const refused = await run.exit;
    expect([refused.code, refused.stderr]).toEqual([83, expect.stringContaining('moved or deleted')]);
    expect(await agent(['restore', url, deleted]).exit).toMatchObject({ code: 0, stderr: '' });
    expect(sha(await readFile(deleted))).toBe(sha(bytes));
  });
});

async function overwrite(nbd: NbdClient, expected: Buffer, offsets: number[]): Promise<void> {
  for (const offset of offsets) {
    const data = Buffer.alloc(4096, `written at ${offset}`);
    await nbd.write(offset, data);
    data.copy(expected, offset);
  }
  await nbd.flush();
}
