import { mkdir, mkdtemp, open, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { restoreFolder } from '../../agent/restore/standalone-restore.ts';
import { requestBytes } from '../agent/nbd/raw-client.ts';
import { runCli } from '../agent/cli-runner.ts';
import { recordingOf, type RecordedEvent } from '../crash/recording.ts';
import { startRestore } from '../crash/restore-process.ts';
import { readSystemCalls } from '../crash/strace-calls.ts';
import { describeWithClients } from '../support/clients.ts';
import { startFlakyProxy, type FlakyProxy } from '../support/flaky-proxy.ts';
import { startS3, type TestS3 } from '../support/s3.ts';

const GiB = 2 ** 30;
const chunkBytes = 256 * 1024;
const pageBytes = 4096;
const readType = 0;

/** What a start did to the target and to its descriptor, and asked of S3. */
interface StartCost {
  calls: string[];
  /** Without the ids of objects. */
  requests: string[];
  /** What the first read asked for. */
  readRequests: string[];
}

describeWithClients(['strace'], 'the start of a real restore', () => {
  let s3: TestS3;
  let proxy: FlakyProxy;
  let dir: string;
  beforeAll(async () => {
    s3 = await startS3();
    proxy = await startFlakyProxy(s3.endpoint);
    dir = await realpath(await mkdtemp(join(tmpdir(), 'holdfast-start-')));
  });
  afterAll(async () => {
    await proxy.close();
    await s3.close();
    await rm(dir, { recursive: true });
  });

  it('costs the same writes, barriers and requests for 1 GiB as for 8 TiB, and the last block is served', async () => {
    const small = await startOf(GiB);
    const huge = await startOf(8192 * GiB);
    expect(huge.calls).toEqual(small.calls);
    const durable = ['describe', 'sync-description', 'publish', 'sync-folder'];
    const made = ['barrier', 'resize', 'barrier'];
    // The target is there, then the descriptor, then the root mark, then the descriptor says so.
    expect(small.calls).toEqual([...made, ...durable, 'write', 'barrier', ...durable]);
    // The root and the pin are asked for at once.
    expect(small.requests.map(folderOf).sort()).toEqual(['listing', 'pins', 'snapshots']);
    expect(huge.requests.sort()).toEqual(small.requests.sort());
    // A manifest of thousands of pages has an index above them.
    expect(small.readRequests.map(folderOf)).toEqual(['pages', 'packs']);
    expect(huge.readRequests.map(folderOf)).toEqual(['pages', 'pages', 'packs']);
  });

  /** A sparse volume with data in its last page alone. */
  async function startOf(sizeBytes: number): Promise<StartCost> {
    const last = Buffer.alloc(pageBytes, `the end of ${sizeBytes} `);
    const source = join(dir, `${sizeBytes}.img`);
    await using file = await open(source, 'w');
    await file.write(last, 0, last.length, sizeBytes - last.length);
    const to = `s3://${s3.bucket}/${sizeBytes}`;
    const args = ['snapshot', 'create', source, '--to', to, '--chunk-size', String(chunkBytes), '--json'];
    const made = await runCli(args, { env: environment(s3.endpoint) });
    const { snapshotId } = JSON.parse(made.stdout.trim().split('\n').at(-1) ?? '') as { snapshotId: string };

    const target = join(dir, `${sizeBytes}.restored`);
    const state = join(dir, 'state');
    const folder = restoreFolder(state, target);
    await mkdir(folder, { recursive: true });
    const [socket, trace] = [join(dir, 'nbd.sock'), join(dir, `${sizeBytes}.trace`)];
    const flags = ['--no-background'];
    const url = `${to}/${snapshotId}`;
    proxy.requests.length = 0;
    const restore = startRestore({ url, endpoint: proxy.endpoint, target, state, socket, flags, trace });
    expect(await restore.event('open')).toMatchObject({ volumeBytes: sizeBytes });
    const requests = withoutIds(proxy.requests.splice(0));
    const client = await restore.connect();
    client.send(requestBytes({ type: readType, offset: sizeBytes - pageBytes, length: pageBytes }));
    const reply = await client.read(16 + pageBytes);
    expect(reply.subarray(16).equals(last)).toBe(true);
    const readRequests = withoutIds(proxy.requests);
    client.socket.destroy();
    restore.kill('SIGTERM');
    expect(await restore.exit).toMatchObject({ code: 0 });
    const calls = readSystemCalls(await readFile(trace, 'latin1'));
    const paths = { target, folder, descriptor: join(folder, 'restore.json') };
    return { calls: beforeFirstReply(recordingOf(calls, paths)), requests, readRequests };
  }
});

/** Of `GET /bucket/prefix/folder/…`; a listing names none. */
const folderOf = (label: string): string => label.split('/')[3] ?? 'listing';

const withoutIds = (labels: string[]): string[] =>
  labels.map((label) => label.replaceAll(/[0-9a-z]{20,}|\d{6,}/g, 'ID'));

function beforeFirstReply(events: RecordedEvent[]): string[] {
  const begun = events.filter(({ step }) => step === 'begin').map(({ call }) => call.kind);
  return begun.slice(0, begun.indexOf('reply'));
}

const environment = (endpoint: string) => ({
  AWS_ENDPOINT_URL_S3: endpoint,
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  AWS_REGION: 'us-east-1',
});
