import { readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createTlsServer, request as httpsRequest } from 'node:https';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { outboundAgent } from '../../agent/connection/outbound-agent.ts';
import { postJson } from '../../agent/identity/http-client.ts';
import { selfSignedCertificate } from '../support/certificate.ts';
import { describeWithClients } from '../support/clients.ts';
import { temporaryDirectory } from './temporary-directory.ts';

const host = 'holdfast.example.test';
const servers: Server[] = [];
const sockets = new Set<Socket>();

async function listen(server: Server): Promise<number> {
  servers.push(server);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** The agent for a proxy at that port. The library looks into the process's own environment for it. */
function through(port: number, { credentials = '', connectTimeoutMs = 300 } = {}) {
  process.env['HTTPS_PROXY'] = `http://${credentials}127.0.0.1:${port}`;
  return outboundAgent(process.env, { connectTimeoutMs });
}

afterEach(async () => {
  delete process.env['HTTPS_PROXY'];
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
});

const post = (port: number, { signal, ...more }: { signal?: AbortSignal; connectTimeoutMs?: number } = {}) =>
  postJson(new URL(`https://${host}/v1`), {}, { agent: through(port, more), timeoutMs: 20_000, signal });

const endless = (socket: Socket) => {
  const part = Buffer.alloc(64 * 1024, 'a');
  const more = () => {
    while (!socket.destroyed && socket.write(part));
  };
  socket.on('drain', more);
  socket.write('HTTP/1.1 200 OK\r\nx: ');
  more();
};

describe('a proxy that does not connect is named, in time', () => {
  it.each<[string, (socket: Socket) => void, RegExp]>([
    ['asks for a password', (s) => s.end('HTTP/1.1 407 Who\r\n\r\n'), /refused to connect, HTTP 407$/],
    ['has no upstream', (s) => s.end('HTTP/1.1 502 No\r\n\r\n'), /refused to connect, HTTP 502$/],
    ['answers garbage', (s) => s.end(Buffer.alloc(300, 0xfe)), /answers is not HTTP$/],
    ['never answers', () => undefined, /did not answer within 0.3 s$/],
    ['answers without an end', endless, /answers is not HTTP$/],
    [
      'connects to what is no TLS',
      (s) => {
        s.once('data', () => s.write('hello, who is there? '.repeat(10)));
        s.write('HTTP/1.1 200 OK\r\n\r\n');
      },
      /what answers is not TLS \(\w+\)$/,
    ],
    ['hangs up', (s) => s.end(), /cannot be used: ECONNRESET$/],
  ])('one that %s', async (_, answer, message) => {
    const port = await listen(createServer((socket) => socket.once('data', () => answer(socket))));
    const failure = { code: 'UNAVAILABLE', message: expect.stringMatching(message) };
    await expect(post(port)).rejects.toMatchObject(failure);
  });

  it('one that is not there', async () => {
    const port = await listen(createServer());
    await new Promise((resolve) => servers.pop()!.close(resolve));
    await expect(post(port)).rejects.toMatchObject({
      message: expect.stringContaining(`the proxy 127.0.0.1:${port} cannot be used: ECONNREFUSED`),
    });
  });

  it('and a caller who gives up does not wait for it', async () => {
    const stop = new AbortController();
    const port = await listen(
      createServer((socket) => socket.once('data', () => stop.abort(new Error('enough')))),
    );
    await expect(post(port, { signal: stop.signal, connectTimeoutMs: 600_000 })).rejects.toThrow('enough');
  });
});

describeWithClients(['openssl'], 'a proxy that connects', () => {
  const directory = temporaryDirectory();

  it('is told the credentials and nothing else, and its connections are used again', async () => {
    const { certificate, key } = await selfSignedCertificate(directory, host);
    const ca = readFileSync(certificate, 'utf8');
    const secure = createTlsServer({ cert: ca, key: readFileSync(key, 'utf8') }, (request, response) =>
      response.end(request.url),
    );
    const upstreamPort = await listen(secure);
    const asked: unknown[] = [];
    const proxy = createHttpServer();
    proxy.on('connect', (request, socket) => {
      asked.push([request.url, request.headers]);
      const upstream = connect(upstreamPort, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        upstream.pipe(socket).pipe(upstream);
      });
      for (const end of [socket, upstream]) end.on('error', () => upstream.destroy());
    });
    const agent = through(await listen(proxy), { credentials: 'us%40er:pass@' });
    const get = (path: string) =>
      new Promise<string>((resolve, reject) => {
        const request = httpsRequest({ protocol: 'https:', host, path, agent, ca }, (response) => {
          let text = '';
          response.on('data', (part) => (text += String(part)));
          response.on('end', () => resolve(text));
        });
        request.on('error', reject);
        request.end();
      });
    expect(await get('/one')).toBe('/one');
    await new Promise((free) => setImmediate(free));
    expect(await get('/two')).toBe('/two');
    const authority = `${host}:443`;
    const basic = `Basic ${Buffer.from('us@er:pass').toString('base64')}`;
    expect(asked).toEqual([
      [authority, { host: authority, 'proxy-authorization': basic, connection: expect.any(String) }],
    ]);
    agent?.destroy();
  });
});
