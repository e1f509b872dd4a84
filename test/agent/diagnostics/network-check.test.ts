import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import {
  connect,
  createServer as createTcpServer,
  type AddressInfo,
  type Server as TcpServer,
} from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { checkTarget, type CheckDeps } from '../../../agent/diagnostics/network-check.ts';
import { selfSignedCertificate } from '../../support/certificate.ts';
import { describeWithClients } from '../../support/clients.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const open: TcpServer[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) {
    (server as Partial<Server>).closeAllConnections?.();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function listen(server: TcpServer): Promise<number> {
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
const check = (url: string, more: Partial<CheckDeps> = {}) =>
  checkTarget(
    { target: 'cell-1', url: new URL(url) },
    { proxyFor: async () => '', now: () => 0, unixMs: () => 0, ...more },
  );
/** `dns tcp http`; a step that failed has its reason behind it. */
const way = ({ steps }: Awaited<ReturnType<typeof check>>) =>
  steps.map(({ step, error }) => (error === undefined ? step : `${step}: ${error}`));

describe('a check', () => {
  it('goes the whole way, tells how the clocks differ, and says to nobody who asks', async () => {
    const seen: IncomingMessage[] = [];
    const port = await listen(
      createServer((request, response) => {
        seen.push(request);
        response.writeHead(403, { date: 'Sun, 29 Nov 2026 07:00:10 GMT' }).end();
      }),
    );
    const unixMs = () => Date.UTC(2026, 10, 29, 7, 0, 0);
    const found = await check(`ws://127.0.0.1:${port}/v1?secret=1`, { unixMs });
    expect(way(found)).toEqual(['dns', 'tcp', 'http']);
    expect(found).toMatchObject({
      ...{ ok: true, httpStatus: 403, clockOffsetMs: 10_500, addresses: ['127.0.0.1'] },
      url: `ws://127.0.0.1:${port}/v1`,
    });
    expect(seen.map(({ method, url, headers }) => [method, url, Object.keys(headers).sort()])).toEqual([
      ['HEAD', '/v1', ['connection', 'host']],
    ]);
  });

  it('says where the way ends: no such name, no open port, no answer, no HTTP', async () => {
    const unused = createTcpServer();
    const closedPort = await listen(unused);
    await new Promise((resolve) => open.pop()!.close(resolve));
    const silent = await listen(
      createTcpServer((socket) => void socket.resume().on('error', () => undefined)),
    );
    const rude = await listen(
      createTcpServer(
        (socket) =>
          void socket
            .resume()
            .on('error', () => undefined)
            .end('tea\n'),
      ),
    );
    expect(way(await check('ws://nowhere.invalid/v1'))).toEqual([expect.stringMatching(/^dns: /)]);
    expect(way(await check(`ws://127.0.0.1:${closedPort}/`))).toEqual([
      'dns',
      expect.stringMatching(/^tcp: .*ECONNREFUSED/),
    ]);
    const late = await check(`ws://127.0.0.1:${silent}/`, { stepTimeoutMs: 50 });
    expect(way(late)).toEqual(['dns', 'tcp', 'http: nothing within 0.05 s']);
    const garbled = await check(`ws://127.0.0.1:${rude}/`);
    expect(way(garbled)).toEqual(['dns', 'tcp', expect.stringMatching(/^http: .*HPE_/)]);
    expect([late.ok, garbled.ok]).toEqual([false, false]);
  });

  it('tries the addresses of a name as the agent does: one that works is enough', async () => {
    const port = await listen(createServer((_, response) => void response.end()));
    const found = await check(`ws://localhost:${port}/`);
    expect([way(found), found.ok]).toEqual([['dns', 'tcp', 'http'], true]);
    expect(found.addresses).toContain('127.0.0.1');
  });

  it('asks a proxy that it does not speak with no further than its port', async () => {
    const port = await listen(createTcpServer((socket) => void socket.resume().on('error', () => undefined)));
    const found = await check('wss://cell-1.example.test/v1', {
      proxyFor: async () => `socks5://carol:hush@127.0.0.1:${port}`,
    });
    expect([found.ok, way(found), found.proxy]).toEqual([true, ['dns', 'tcp'], `socks5://127.0.0.1:${port}`]);
  });
});

describeWithClients(['openssl'], 'a check of a server with TLS', () => {
  const host = 'cell-1.example.test';
  const directory = temporaryDirectory();
  let certificate: string;
  let key: string;
  let asked: string[];
  beforeAll(async () => {
    const made = await selfSignedCertificate(directory, host);
    [certificate, key] = [readFileSync(made.certificate, 'utf8'), readFileSync(made.key, 'utf8')];
  });
  beforeEach(() => void (asked = []));

  /** The name exists nowhere: whoever reaches the server came through the proxy. */
  async function behindProxy(status = 200): Promise<CheckDeps['proxyFor']> {
    const port = await listen(createTlsServer({ key, cert: certificate }, (_, response) => response.end()));
    const proxy = createServer();
    proxy.on('connect', (request, socket) => {
      asked.push(`${request.url} ${request.headers['proxy-authorization']}`);
      if (status !== 200) return void socket.end(`HTTP/1.1 ${status} No\r\n\r\n`);
      const upstream = connect(port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        upstream.pipe(socket).pipe(upstream);
      });
      for (const end of [socket, upstream]) end.on('error', () => upstream.destroy());
    });
    const proxyPort = await listen(proxy);
    return async () => `http://carol:hush@127.0.0.1:${proxyPort}`;
  }

  it('goes through the proxy and shows the certificate that it found', async () => {
    const before = getCACertificates('default');
    setDefaultCACertificates([...before, certificate]);
    try {
      const found = await check(`wss://${host}/v1`, { proxyFor: await behindProxy(), unixMs: Date.now });
      expect(way(found)).toEqual(['dns', 'tcp', 'tunnel', 'tls', 'http']);
      expect(found).toMatchObject({
        ...{ ok: true, httpStatus: 200, tlsVersion: 'TLSv1.3' },
        certificate: { issuer: host, subject: host, expiresInDays: 1 },
      });
      expect(Math.abs(found.clockOffsetMs!)).toBeLessThan(60_000);
      expect(asked).toEqual([`${host}:443 Basic ${Buffer.from('carol:hush').toString('base64')}`]);
      expect(JSON.stringify(found)).not.toMatch(/carol|hush/);
    } finally {
      setDefaultCACertificates(before);
    }
  });

  it('shows whose certificate it is that nobody trusts, and sends nothing to it', async () => {
    const found = await check(`wss://${host}/v1`, { proxyFor: await behindProxy(), unixMs: Date.now });
    expect(way(found)).toEqual(['dns', 'tcp', 'tunnel', expect.stringMatching(/^tls: .*SELF_SIGNED/i)]);
    expect(found).toMatchObject({ ok: false, certificate: { issuer: host } });
  });

  it('says that the proxy refused, and not as whom', async () => {
    const found = await check(`wss://${host}/v1`, { proxyFor: await behindProxy(407) });
    expect(way(found)).toEqual([
      'dns',
      'tcp',
      expect.stringMatching(/^tunnel: .*refused to connect, HTTP 407/),
    ]);
    expect(JSON.stringify(found)).not.toMatch(/carol|hush/);
  });
});
