import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { bucketAt } from '../../../agent/cli/bucket-at.ts';
import { verifySnapshot } from '../../../agent/snapshot/verify-snapshot.ts';
import { startS3, type TestS3 } from '../../support/s3.ts';
import { snapshotOf, someBytes } from '../../support/snapshots.ts';

/** An S3 that is reached through the proxy alone: its name means nothing to anybody else. */
const endpoint = 'http://s3.holdfast.invalid';
let s3: TestS3;
let proxy: Server;
const asked: string[] = [];
beforeAll(async () => {
  s3 = await startS3();
  proxy = createServer((incoming, outgoing) => {
    const url = new URL(incoming.url!, endpoint);
    asked.push(`${incoming.method} ${url.pathname}`);
    const { hostname, port, host } = new URL(s3.endpoint);
    const { method } = incoming;
    const headers = { ...incoming.headers, host };
    const onward = request({ hostname, port, method, headers, path: url.pathname + url.search }, (reply) => {
      outgoing.writeHead(reply.statusCode!, reply.headers);
      reply.pipe(outgoing);
    });
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  delete process.env['HTTP_PROXY'];
  delete process.env['HTTPS_PROXY'];
  proxy.closeAllConnections();
  await new Promise((resolve) => proxy.close(resolve));
  await s3.close();
});

const keys = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };

it('takes chunks through the proxy, too, when a command names no transfers of its own', async () => {
  const { port } = proxy.address() as AddressInfo;
  // Which proxy a URL goes through is looked up in the process's own environment.
  process.env['HTTP_PROXY'] = `http://127.0.0.1:${port}`;
  const env = {
    HTTP_PROXY: process.env['HTTP_PROXY'],
    AWS_ENDPOINT_URL_S3: endpoint,
    ...keys,
  };
  const bucket = bucketAt({ bucket: s3.bucket, prefix: 'p/' }, { env, stderr: () => undefined });
  const { snapshotId } = await snapshotOf(bucket, someBytes(20_000, 1));
  asked.length = 0;
  expect(await verifySnapshot(bucket, snapshotId)).toMatchObject({ damagedChunks: 0 });
  expect(asked.filter((line) => line.includes('/packs/')).length).toBeGreaterThan(0);
});

it('tells a proxy that does not connect from an S3 that forbids', async () => {
  const { port } = proxy.address() as AddressInfo;
  process.env['HTTPS_PROXY'] = `http://user:password@127.0.0.1:${port}`;
  const env = {
    HTTPS_PROXY: process.env['HTTPS_PROXY'],
    AWS_ENDPOINT_URL_S3: endpoint.replace('http:', 'https:'),
    ...keys,
  };
  const bucket = bucketAt({ bucket: s3.bucket, prefix: 'p/' }, { env, stderr: () => undefined });
  proxy.on('connect', (_request, socket) =>
    socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n'),
  );
  const refusal = {
    code: 'UNAVAILABLE',
    message: expect.stringMatching(
      new RegExp(`^\\w+ s3://${s3.bucket}/p/k: the proxy 127.0.0.1:${port} refused to connect, HTTP 403$`),
    ),
    hint: expect.stringContaining('HTTPS_PROXY'),
  };
  await expect(bucket.get('k', { maxBytes: 1 })).rejects.toMatchObject(refusal);
  await expect(bucket.getRange('k', { offsetBytes: 0, lengthBytes: 1 })).rejects.toMatchObject(refusal);
});
