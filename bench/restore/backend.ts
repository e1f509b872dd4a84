import { createReadStream } from 'node:fs';
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * The HTTP server that every contender fetches from, a process of its own: files below a folder by range GETs, and
 * enough of S3 for a snapshot repository. `--latency MS` before the first byte; `--rate BYTES` a second for each
 * connection, by a token bucket without a burst, as one stream of S3 has.
 *
 *   node bench/restore/backend.ts FOLDER PORT [--latency MS] [--rate BYTES]
 */
const [folder = '', port = '0', ...flags] = process.argv.slice(2);
const option = (name: string) => Number(flags[flags.indexOf(name) + 1] ?? 0) * Number(flags.includes(name));
const latencyMs = option('--latency');
const rate = option('--rate');

/** What has been sent, told and forgotten by a GET of `/deliveries`: which reads of a guest waited for us. */
let deliveries: { path: string; start: number; end: number; at: number }[] = [];

/** When the connection's next byte may go, on the clock of `performance.now`. */
const readyAt = new WeakMap<Socket, number>();

async function send(response: ServerResponse, path: string, start: number, end: number): Promise<void> {
  const socket = response.socket;
  for await (const part of createReadStream(path, { start, end: end - 1, highWaterMark: 64 * 1024 })) {
    const bytes = part as Buffer;
    if (rate && socket) {
      const now = performance.now();
      const at = Math.max(now, readyAt.get(socket) ?? now);
      readyAt.set(socket, at + (bytes.length / rate) * 1000);
      if (at - now > 1) await sleep(at - now);
    }
    if (!response.write(bytes)) await new Promise((resolve) => response.once('drain', resolve));
    if (response.destroyed) return;
  }
  const { pathname } = new URL(response.req.url ?? '/', 'http://x');
  response.end(() => deliveries.push({ path: pathname, start, end, at: Date.now() }));
}

async function get(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) {
    const body = '<Error><Code>NoSuchKey</Code><Message>no such key</Message></Error>';
    return void response.writeHead(404, { 'content-type': 'application/xml' }).end(body);
  }
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
  const start = range ? Number(range[1]) : 0;
  const end = range ? Math.min(Number(range[2]) + 1, found.size) : found.size;
  response.writeHead(range ? 206 : 200, {
    'accept-ranges': 'bytes',
    'content-length': end - start,
    etag: '"0"',
    ...(range && { 'content-range': `bytes ${start}-${end - 1}/${found.size}` }),
  });
  if (request.method === 'HEAD' || start === end) return void response.end();
  await send(response, path, start, end);
}

async function list(response: ServerResponse, bucket: string, prefix: string): Promise<void> {
  const root = join(folder, bucket);
  const names = await readdir(join(root, dirname(`${prefix}x`)), {
    recursive: true,
    withFileTypes: true,
  }).catch(() => []);
  const rows = names
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((key) => key.startsWith(prefix))
    .sort()
    .map(
      (key) =>
        `<Contents><Key>${key}</Key><Size>1</Size><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>`,
    );
  const body = `<ListBucketResult><IsTruncated>false</IsTruncated>${rows.join('')}</ListBucketResult>`;
  response.writeHead(200, { 'content-type': 'application/xml' }).end(body);
}

const server = createServer({ keepAliveTimeout: 60_000 }, async (request, response) => {
  try {
    const url = new URL(request.url ?? '/', 'http://x');
    const path = join(folder, decodeURIComponent(url.pathname));
    if (url.pathname === '/deliveries') {
      response.end(JSON.stringify(deliveries));
      deliveries = [];
      return;
    }
    if (latencyMs) await sleep(latencyMs);
    if (request.method === 'PUT') {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part as Buffer);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, Buffer.concat(parts));
      response.writeHead(200, { etag: '"0"' }).end();
    } else if (request.method === 'POST') {
      let text = '';
      for await (const part of request) text += String(part);
      for (const [, key = ''] of text.matchAll(/<Key>([^<]*)<\/Key>/g))
        await rm(join(path, key), { force: true });
      response.writeHead(200, { 'content-type': 'application/xml' }).end('<DeleteResult></DeleteResult>');
    } else if (url.searchParams.has('list-type'))
      await list(response, url.pathname.slice(1).replace(/\/$/, ''), url.searchParams.get('prefix') ?? '');
    else await get(request, response, path);
  } catch {
    response.destroy();
  }
});
server.listen(Number(port), '127.0.0.1', () => {
  const address = server.address();
  console.log(typeof address === 'object' ? address?.port : '');
});
process.on('SIGTERM', () => process.exit(0));
