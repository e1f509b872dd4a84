import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import { constants, getPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { zstdCompressSync } from 'node:zlib';
import { sha256 } from '../../../core/snapshot/format.ts';
import type { Transfer } from '../../../agent/transfer/transfer.ts';
import { inlineTransfers } from '../../../agent/transfer/transfers.ts';
import { TransferThread } from '../../../agent/transfer/transfer-thread.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const object = Buffer.from('a well-known object of some bytes');
let server: Server;
let asked: () => void = () => undefined;
beforeAll(async () => {
  server = createServer((request, response) => {
    asked();
    if (request.url === '/object') response.writeHead(206).end(object);
    else if (request.url === '/cut')
      response.writeHead(206, { 'content-length': 100 }).write('a', () => response.destroy());
    else if (request.url === '/gone') response.writeHead(404).end('<Error><Code>NoSuchKey</Code></Error>');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const get = (path: string) => ({
  protocol: 'http:',
  hostname: '127.0.0.1',
  port: (server.address() as AddressInfo).port,
  path,
  headers: {},
});
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8');

const threads: TransferThread[] = [];
const newThread = (): TransferThread => {
  const thread = new TransferThread({});
  threads.push(thread);
  return thread;
};
afterAll(() => Promise.all(threads.map((thread) => thread.close())));

describe.each<[string, () => Transfer]>([
  ['in this thread', () => inlineTransfers.demand],
  ['in a thread of its own', newThread],
])('a transfer %s', (_name, make) => {
  it('fetches what was asked for, and says what S3 or the network said', async () => {
    const transfer = make();
    expect(text(await transfer.fetchRange(get('/object'), object.length))).toBe(object.toString());
    expect((await transfer.fetchRange(get('/object'), 1000)).length).toBe(object.length);
    await expect(transfer.fetchRange(get('/object'), 5)).rejects.toMatchObject({ code: 'ObjectTooLong' });
    await expect(transfer.fetchRange(get('/cut'), 100)).rejects.toMatchObject({ code: 'ECONNRESET' });
    await expect(transfer.fetchRange(get('/gone'), 100)).rejects.toMatchObject({
      code: 'NoSuchKey',
      $metadata: { httpStatusCode: 404 },
    });
  });

  it('ends at once when it is told to', async () => {
    const transfer = make();
    const stop = new AbortController();
    const reached = new Promise<void>((resolve) => (asked = resolve));
    const hanging = transfer.fetchRange(get('/hangs'), 100, stop.signal);
    await reached;
    stop.abort(new Error('enough'));
    await expect(hanging).rejects.toThrow('enough');
  });

  it('gives plain bytes that match their hash, and judges each chunk by itself', async () => {
    const plain = Buffer.alloc(300_000, 'text ');
    const packed = zstdCompressSync(plain);
    const chunk = {
      offsetBytes: 3,
      storedBytes: packed.length,
      plainBytes: plain.length,
      algorithm: 'zstd' as const,
      hash: sha256(plain),
    };
    const raw = { ...chunk, offsetBytes: 0, storedBytes: 3, plainBytes: 3, algorithm: 'raw' as const };
    const stored = () => Uint8Array.from([1, 2, 3, ...packed]);
    const [zstd, bytes, hash, length, bomb, junk] = await make().unpack(stored(), [
      chunk,
      { ...raw, hash: sha256(Uint8Array.from([1, 2, 3])) },
      { ...chunk, hash: sha256(Buffer.from('another')) },
      { ...chunk, plainBytes: plain.length + 1 },
      { ...chunk, plainBytes: plain.length - 1 },
      { ...chunk, offsetBytes: 4 },
    ]);
    expect(zstd && 'bytes' in zstd && sha256(zstd.bytes)).toEqual(sha256(plain));
    expect(bytes && 'bytes' in bytes && [...bytes.bytes]).toEqual([1, 2, 3]);
    expect([hash, length, bomb, junk]).toEqual([
      { fault: 'does not match its hash' },
      { fault: 'has a wrong length' },
      { fault: 'cannot be decompressed' },
      { fault: 'cannot be decompressed' },
    ]);
  });
});

it('a transfer thread that dies fails what it was at like a broken connection, and starts again', async () => {
  const thread = newThread();
  const reached = new Promise<void>((resolve) => (asked = resolve));
  const hanging = thread.fetchRange(get('/hangs'), 100);
  hanging.catch(() => undefined);
  await reached;
  // Many minutes of hashing, so that the thread is at it whenever its end comes.
  const storedBytes = 1024 * 1024;
  const wrong = {
    ...{ offsetBytes: 0, storedBytes, plainBytes: storedBytes },
    ...{ algorithm: 'raw' as const, hash: new Uint8Array(32) },
  };
  const chunks = new Array<typeof wrong>(1_000_000).fill(wrong);
  const unpacking = expect(thread.unpack(new Uint8Array(storedBytes), chunks)).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  });
  await thread.close();
  await unpacking;
  await expect(hanging).rejects.toMatchObject({ code: 'ECONNRESET' });
  expect(text(await thread.fetchRange(get('/object'), object.length))).toBe(object.toString());
});

it('a process does not end before its transfer thread has, where an answer comes meanwhile', async () => {
  const file = fileURLToPath(new URL('../../../agent/transfer/transfer-thread.ts', import.meta.url));
  // The answer is there, and nobody has looked at it, when the thread is told to end.
  const code = `
    import { TransferThread } from ${JSON.stringify(file)};
    const thread = new TransferThread({});
    const some = new Uint8Array(new SharedArrayBuffer(16));
    await thread.sha256(some);
    void thread.sha256(some).catch(() => undefined);
    const untilMs = performance.now() + 200;
    while (performance.now() < untilMs);
    await thread.close();
    console.log('closed');`;
  const program = join(temporaryDirectory(), 'program.mjs');
  await writeFile(program, code);
  for (let round = 0; round < 4; round += 1)
    expect((await promisify(execFile)(process.execPath, [program])).stdout).toBe('closed\n');
});

it('a transfer thread gives way to the thread that serves clients', async () => {
  const lowPriorities = () =>
    readdirSync('/proc/self/task').filter(
      (id) => getPriority(Number(id)) === constants.priority.PRIORITY_LOW,
    );
  const before = lowPriorities();
  await newThread().fetchRange(get('/object'), object.length);
  expect(lowPriorities()).toHaveLength(before.length + 1);
  expect(lowPriorities()).not.toContain(String(process.pid));
});
