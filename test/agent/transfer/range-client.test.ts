import { createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { parseResponseHead } from '../../../agent/transfer/response-head.ts';
import { rangeFetcher } from '../../../agent/transfer/range-fetcher.ts';
import type { FetchRange } from '../../../agent/transfer/general-fetcher.ts';

/** A server that answers with the very bytes that a test gives it, one script for each request. */
let server: Server;
let sockets: Socket[] = [];
let answers: ((socket: Socket) => void)[] = [];
let requests: string[] = [];
let fetchRange: FetchRange;
beforeEach(async () => {
  [answers, requests, sockets] = [[], [], []];
  fetchRange = rangeFetcher();
  server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      requests.push(bytes.toString('latin1'));
      answers.shift()?.(socket);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  server.close();
  await once(server, 'close');
});

const get = (headers: Record<string, string> = {}) => ({
  protocol: 'http:',
  hostname: '127.0.0.1',
  port: (server.address() as AddressInfo).port,
  path: '/pack?x=1',
  headers: { range: 'bytes=0-3', ...headers },
});
const says = (text: string) => (socket: Socket) => void socket.write(text, 'latin1');
const text = async (lengthBytes = 4) => Buffer.from(await fetchRange(get(), lengthBytes)).toString('latin1');
const good = says('HTTP/1.1 206 Partial Content\r\nContent-Length: 4\r\n\r\nabcd');

it('asks one after the other on one connection, each answer to its own place', async () => {
  answers.push(good, says('HTTP/1.1 206 x\r\ncontent-length:3\r\n\r\nxyz'));
  const into = new Uint8Array(new SharedArrayBuffer(4));
  expect(await fetchRange(get(), 4, undefined, into)).toEqual(Uint8Array.from(Buffer.from('abcd')));
  expect(await text()).toBe('xyz');
  expect(Buffer.from(into).toString()).toBe('abcd');
  expect(sockets.length).toBe(1);
  expect(requests[0]).toBe(
    `GET /pack?x=1 HTTP/1.1\r\nhost: 127.0.0.1:${get().port}\r\nrange: bytes=0-3\r\n\r\n`,
  );
});

it('takes an answer that comes byte by byte', async () => {
  answers.push(async (socket) => {
    socket.setNoDelay(true);
    for (const byte of 'HTTP/1.1 206 OK\r\ncontent-length: 4\r\n\r\nabcd') {
      socket.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
  expect(await text()).toBe('abcd');
});

it.each([
  ['says that it closes', 'HTTP/1.1 206 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nabcd'],
  ['is of HTTP/1.0', 'HTTP/1.0 206 OK\r\nContent-Length: 4\r\n\r\nabcd'],
  ['goes on behind its end', 'HTTP/1.1 206 OK\r\nContent-Length: 4\r\n\r\nabcdHTTP/1.1 206'],
])('uses no connection again whose answer %s', async (_, answer) => {
  answers.push(says(answer), good);
  expect([await text(), await text()]).toEqual(['abcd', 'abcd']);
  expect(sockets.length).toBe(2);
});

it('asks again at once where a kept connection was closed meanwhile, and only there', async () => {
  answers.push(good, (socket) => socket.destroy(), good);
  expect([await text(), await text()]).toEqual(['abcd', 'abcd']);
  expect(sockets.length).toBe(2);
  answers.push((socket) => socket.end('HTTP/1.1 206 OK\r\nContent-Length: 4\r\n\r\nab'));
  await expect(text()).rejects.toMatchObject({ code: 'ECONNRESET', message: 'the connection ended early' });
  answers.push((socket) => socket.destroy());
  await expect(text()).rejects.toMatchObject({ code: 'ECONNRESET' });
  expect(requests.length).toBe(5);
});

it.each([
  [
    'a length',
    'HTTP/1.1 503 Slow Down\r\nContent-Length: 27\r\n\r\n<Code>SlowDown</Code> and more',
    503,
    'SlowDown',
  ],
  [
    'chunks',
    'HTTP/1.1 403 F\r\nTransfer-Encoding: chunked\r\n\r\n16\r\n<Code>NoAccess</Code>!\r\n0\r\n\r\n',
    403,
    'NoAccess',
  ],
  ['nothing', 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n', 404, undefined],
  ['no content', 'HTTP/1.1 304 Not Modified\r\n\r\n', 304, undefined],
])('says what S3 says in an error that has %s', async (_, answer, status, code) => {
  answers.push(says(answer));
  await expect(text()).rejects.toMatchObject({ code, $metadata: { httpStatusCode: status } });
});

it('reads an error to its end, which is that of the connection, and no longer than is worth it', async () => {
  answers.push((socket) => socket.end('HTTP/1.1 500 Oh\r\n\r\n<Code>InternalError</Code>'));
  await expect(text()).rejects.toMatchObject({ code: 'InternalError' });
  answers.push(says(`HTTP/1.1 500 Oh\r\nContent-Length: 99999999\r\n\r\n${'x'.repeat(70_000)}`));
  await expect(text()).rejects.toMatchObject({ $metadata: { httpStatusCode: 500 } });
});

it.each([
  ['chunks', 'HTTP/1.1 206 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n'],
  [
    'early hints',
    'HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 206 OK\r\ncontent-length: 4\r\n\r\nabcd',
  ],
])('leaves an answer with %s to the client that knows all of HTTP', async (_, answer) => {
  answers.push(says(answer), says(answer));
  expect(await text()).toBe('abcd');
  expect(requests.length).toBe(2);
});

it.each([
  ['is no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
  ['has no end of its head', `HTTP/1.1 206 OK\r\nx: ${'y'.repeat(20_000)}`],
  ['has two lengths', 'HTTP/1.1 206 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd'],
  ['has a length that is none', 'HTTP/1.1 206 OK\r\nContent-Length: -4\r\n\r\nabcd'],
  ['has a field that is none', 'HTTP/1.1 206 OK\r\nContent-Length : 4\r\n\r\nabcd'],
])('takes an answer that %s for a broken connection', async (_, answer) => {
  answers.push(says(answer));
  await expect(text()).rejects.toMatchObject({ code: 'ECONNRESET' });
});

it('refuses more than it asked for', async () => {
  answers.push(says('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde'));
  await expect(text()).rejects.toMatchObject({ code: 'ObjectTooLong' });
});

it('writes nothing to the place of a request that was given up', async () => {
  const stop = new AbortController();
  const into = new Uint8Array(new SharedArrayBuffer(8));
  answers.push((socket) => {
    socket.write('HTTP/1.1 206 OK\r\nContent-Length: 8\r\n\r\nabcd', () => stop.abort(new Error('enough')));
    socket.write('efgh');
  });
  await expect(fetchRange(get(), 8, stop.signal, into)).rejects.toThrow('enough');
  into.fill(0);
  if (!sockets[0]!.closed) await new Promise((resolve) => sockets[0]!.once('close', resolve));
  expect([...into]).toEqual(Array(8).fill(0));
});

it('sends no request that would be two', () => {
  const headers = { 'x-amz-security-token': 'a\r\nhost: b' };
  expect(() => rangeFetcher()({ ...get(headers) }, 4)).rejects.toMatchObject({ code: 'ERR_INVALID_CHAR' });
  expect(() => rangeFetcher()({ ...get(), path: '/a b' }, 4)).rejects.toMatchObject({
    code: 'ERR_INVALID_CHAR',
  });
});

it('asks one server for no more than 64 ranges at a time', async () => {
  answers = Array.from({ length: 100 }, () => () => undefined);
  const stop = new AbortController();
  const all = Array.from({ length: 70 }, () => fetchRange(get(), 4, stop.signal));
  while (requests.length < 64) await new Promise((resolve) => setImmediate(resolve));
  answers.splice(0, answers.length, ...Array.from({ length: 6 }, () => good));
  for (const socket of sockets.slice(0, 6)) good(socket);
  expect(await Promise.all((await firstSettled(all, 12)).map(asText))).toEqual(Array(12).fill('abcd'));
  expect([requests.length, sockets.length]).toEqual([70, 64]);
  stop.abort(new Error('enough'));
  await Promise.allSettled(all);
});

const asText = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

function firstSettled<T>(all: Promise<T>[], count: number): Promise<T[]> {
  const done: T[] = [];
  return new Promise((resolve) => {
    for (const one of all)
      one.then(
        (value) => done.push(value) === count && resolve(done),
        () => undefined,
      );
  });
}

it('never takes a beginning for a whole head', () => {
  const head = Buffer.from('HTTP/1.1 206 OK\r\nContent-Length: 4\r\nx-amz-id-2: a=\r\n\r\n');
  for (let length = 0; length < head.length; length++)
    expect(parseResponseHead(head.subarray(0, length))).toBeUndefined();
  expect(parseResponseHead(head)).toMatchObject({ status: 206, contentBytes: 4, headBytes: head.length });
  // Nor one that ends, and too late.
  const long = `HTTP/1.1 206 OK\r\nx: ${'y'.repeat(17_000)}\r\n\r\n`;
  expect(parseResponseHead(Buffer.from(long))).toBe('invalid');
});
