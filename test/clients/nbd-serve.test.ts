import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { deleteSnapshot } from '../../agent/snapshot/delete-snapshot.ts';
import { openBucket } from '../../agent/s3/s3-bucket.ts';
import { runCli } from '../agent/cli-runner.ts';
import { clientOutput, describeWithClients, runClient, type ClientResult } from '../support/clients.ts';
import { startS3, type TestS3 } from '../support/s3.ts';
import { snapshotOf, someBytes } from '../support/snapshots.ts';
import { testFolder } from './nbd-server.ts';

const folder = testFolder();
const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describeWithClients(['nbdinfo', 'nbdcopy'], 'holdfast-agent serve', () => {
  let s3: TestS3;
  const env = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };
  const before = { ...process.env };
  beforeAll(async () => {
    s3 = await startS3();
    Object.assign(process.env, env); // the SDK's own provider reads the process
  });
  afterAll(async () => {
    process.env = before;
    await s3.close();
  });

  /** Runs the command, `use`s what it serves, stops it. */
  async function serving(args: string[], socket: string, use: () => Promise<void>, endpoint = s3.endpoint) {
    const stop = new AbortController();
    const running = runCli(['serve', ...args, '--nbd', `unix:${socket}`], {
      env: { AWS_ENDPOINT_URL_S3: endpoint },
      signal: stop.signal,
    });
    let ended = false;
    void running.then(() => (ended = true));
    while (!existsSync(socket) && !ended) await new Promise(setImmediate);
    try {
      if (!ended) await use();
    } finally {
      stop.abort();
      await running;
    }
    return running;
  }

  it('serves a snapshot straight from S3, read-only', async () => {
    const bytes = someBytes(3 * 256 * 1024 + 512, 3);
    const bucket = openBucket({ client: s3.client, bucket: s3.bucket, prefix: 'gw-1/' });
    const { snapshotId } = await snapshotOf(bucket, bytes, { chunkBytes: 256 * 1024 });
    const socket = join(folder, 's3.sock');
    const copy = join(folder, 's3.copy');
    const uri = `nbd+unix:///?socket=${socket}`;
    const run = await serving([`s3://${s3.bucket}/gw-1/${snapshotId}`], socket, async () => {
      // Nobody takes away what clients read.
      await expect(deleteSnapshot(bucket, snapshotId)).rejects.toMatchObject({
        code: 'BUSY',
      });
      expect(await clientOutput('nbdinfo', [uri])).toMatch(/is_read_only: true[^]*can_cache: true/);
      await clientOutput('nbdcopy', [uri, copy]);
      expect((await runClient('nbdcopy', [copy, uri])).code).not.toBe(0);
    });
    expect(run.code).toBe(0);
    expect(run.stdout).toContain(`uri: nbd+unix:///${snapshotId}?socket=`);
    expect(sha(readFileSync(copy))).toBe(sha(bytes));
    expect(existsSync(socket)).toBe(false);
    await deleteSnapshot(bucket, snapshotId);
  });

  it('stops at once although a client waits for S3', async () => {
    const bucket = openBucket({ client: s3.client, bucket: s3.bucket, prefix: 'gw-2/' });
    const { snapshotId } = await snapshotOf(bucket, randomBytes(8192));
    const asked = Promise.withResolvers<void>();
    const silent = createServer((request, response) => {
      if (request.url?.includes('/packs/')) return asked.resolve(); // and never answers
      const headers = {
        range: request.headers.range ?? '',
        authorization: request.headers.authorization ?? '',
      };
      const body = request.method === 'PUT' ? '{}' : undefined;
      void fetch(`${s3.endpoint}${request.url}`, {
        method: request.method,
        headers: clean(headers),
        body,
      }).then(async (reply) => {
        response.writeHead(
          reply.status,
          clean({ 'content-range': reply.headers.get('content-range') ?? '' }),
        );
        response.end(Buffer.from(await reply.arrayBuffer()));
      });
    });
    await once(silent.listen(0, '127.0.0.1'), 'listening');
    const endpoint = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const socket = join(folder, 'silent.sock');
    let copying: Promise<ClientResult> | undefined;
    try {
      const source = `s3://${s3.bucket}/gw-2/${snapshotId}`;
      const use = async () => {
        copying = runClient('nbdcopy', [`nbd+unix:///?socket=${socket}`, join(folder, 'silent.copy')]);
        await asked.promise;
      };
      expect((await serving([source], socket, use, endpoint)).code).toBe(0);
      expect((await copying)?.code).toBe(1);
    } finally {
      silent.closeAllConnections();
      silent.close();
    }
  });

  it('serves a file that clients write to', async () => {
    const [image, source] = [join(folder, 'disk.img'), join(folder, 'source.img')];
    writeFileSync(image, Buffer.alloc(1 << 20));
    writeFileSync(source, someBytes(1 << 20, 5));
    const socket = join(folder, 'file.sock');
    const run = await serving([image, '--json'], socket, async () => {
      await clientOutput('nbdcopy', ['--flush', source, `nbd+unix:///disk.img?socket=${socket}`]);
    });
    expect(JSON.parse(run.stdout)).toMatchObject({
      exportName: 'disk.img',
      sizeBytes: 1 << 20,
      readOnly: false,
    });
    expect(readFileSync(image).equals(readFileSync(source))).toBe(true);
  });

  it.each([
    ['a file that does not exist', ['none.img', '--nbd', 'unix:/tmp/x'], 66, 'NOT_FOUND'],
    ['a place that is none', ['disk.img', '--nbd', 'http://x'], 64, 'USAGE'],
    ['a port beyond all ports', ['disk.img', '--nbd', 'tcp:127.0.0.1:70000'], 64, 'USAGE'],
    ['a URL without a snapshot', ['s3://bucket', '--nbd', 'unix:/tmp/x'], 65, 'INVALID_INPUT'],
    ['certificates that are not there', ['disk.img', '--nbd', 'unix:/tmp/x', '--tls', '/none'], 78, 'CONFIG'],
  ])('refuses %s in one line', async (_what, args, code, name) => {
    const run = await runCli(['serve', ...args]);
    expect(run).toMatchObject({ code, stdout: '' });
    expect(run.stderr).toMatch(new RegExp(`^error: ${name}: .*\n$`));
  });

  it('refuses to serve beyond loopback without certificates', async () => {
    const image = join(folder, 'open.img');
    writeFileSync(image, Buffer.alloc(4096));
    const run = await runCli(['serve', image, '--nbd', 'tcp:0.0.0.0:0']);
    expect(run.code).toBe(77);
    expect(run.stderr).toContain('loopback');
  });
});

/** Without the headers that are empty. */
function clean(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== ''));
}
