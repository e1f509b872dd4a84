import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { isPublicAddress } from '../../../lambda/subscriptions/public-address.ts';
import { postWebhook, type WebhookDeps } from '../../../lambda/subscriptions/post-webhook.ts';
import { temporaryDirectory } from '../../agent/temporary-directory.ts';
import { selfSignedCertificate } from '../../support/certificate.ts';
import { describeWithClients } from '../../support/clients.ts';

describe('an address', () => {
  it.each([
    ...[
      '0.0.0.0',
      '10.1.2.3',
      '100.64.0.1',
      '100.127.255.255',
      '127.0.0.1',
      '127.255.0.9',
      '169.254.169.254',
    ],
    ...[
      '172.16.0.1',
      '172.31.255.255',
      '192.0.0.192',
      '192.168.1.1',
      '198.18.0.1',
      '224.0.0.1',
      '255.255.255.255',
    ],
    ...[
      '::',
      '::1',
      '::ffff:8.8.8.8',
      '::ffff:169.254.169.254',
      '::ffff:7f00:1',
      '::127.0.0.1',
      'fe80::1',
      'fe80::1%lo',
    ],
    ...[
      'fc00::1',
      'fd00:ec2::254',
      'ff02::1',
      '64:ff9b::a9fe:a9fe',
      '64:ff9b:1::1',
      '2002:a9fe:a9fe::1',
      '2001::1',
    ],
    ...['2001:db8::1', '100::1', '3fff::1', 'localhost', '', '1.2.3', '2130706433'],
  ])('that is no place on the internet is refused: %s', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each(['8.8.8.8', '100.63.255.255', '100.128.0.1', '172.32.0.1', '2606:4700::1111', '2a05:d014::1'])(
    'that is public is allowed: %s',
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );
});

const host = 'hook.example.test';
const message = { headers: { 'webhook-id': 'm1', 'content-type': 'application/json' }, body: '{"a":"ü"}' };

describeWithClients(['openssl'], 'a message for a webhook', () => {
  let ca: string;
  let tls: { cert: string; key: string };
  const servers: Server[] = [];
  /** What each server got: `address METHOD path`. */
  const got: string[] = [];
  beforeAll(async () => {
    const made = await selfSignedCertificate(temporaryDirectory(), host);
    ca = readFileSync(made.certificate, 'utf8');
    tls = { cert: ca, key: readFileSync(made.key, 'utf8') };
  });
  afterEach(() => {
    got.length = 0;
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  async function serve(
    listener: RequestListener,
    { address = '127.0.0.1', port = 0, plain = false } = {},
  ): Promise<number> {
    const listen: RequestListener = (request, response) => {
      got.push(`${address} ${request.method} ${request.url}`);
      listener(request, response);
    };
    const server = plain ? createHttpServer(listen) : createServer(tls, listen);
    servers.push(server as Server);
    server.listen(port, address);
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }
  const ok: RequestListener = (_, response) => void response.writeHead(204).end();

  /** In these tests 127.0.0.1 is the internet, and every other address of this machine is what must not be reached. */
  const deps = (more: Partial<WebhookDeps> = {}): WebhookDeps => ({
    local: {},
    resolve: () => Promise.resolve(['127.0.0.1']),
    allows: (address) => address === '127.0.0.1',
    ca,
    ...more,
  });
  const post = (port: number, more: Partial<WebhookDeps> = {}, path = '/hook?token=s3cret') =>
    postWebhook(deps(more), `https://${host}:${port}${path}`, message);

  it('is posted over TLS to the address that the name has, under the name', async () => {
    let heard: object = {};
    const port = await serve((request, response) => {
      void text(request).then((body) => {
        const { host: named, 'content-length': bytes, connection } = request.headers;
        heard = { named, bytes, connection, id: request.headers['webhook-id'], body };
        response.writeHead(200).end('whatever');
      });
    });
    await post(port);
    expect(got).toEqual(['127.0.0.1 POST /hook?token=s3cret']);
    expect(heard).toEqual({
      named: `${host}:${port}`,
      bytes: '10',
      connection: 'close',
      id: 'm1',
      body: message.body,
    });
  });

  it.each([
    '10.0.0.1',
    '169.254.169.254',
    '100.64.0.1',
    '::1',
    'fd00:ec2::254',
    '::ffff:127.0.0.1',
    '64:ff9b::7f00:1',
  ])('does not go to a name that leads to %s', async (address) => {
    const resolve = () => Promise.resolve([address]);
    const allows = isPublicAddress;
    await expect(post(443, { resolve, allows })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: `the webhook at ${host} is at an address that is not public`,
    });
  });

  it('does not go to a name that has a private address beside a public one', async () => {
    const port = await serve(ok);
    const resolve = () => Promise.resolve(['127.0.0.1', '127.0.0.2']);
    await expect(post(port, { resolve })).rejects.toThrow(/not public/);
    expect(got).toEqual([]);
  });

  it.each([
    '127.0.0.1',
    '2130706433',
    '0x7f.1',
    '0177.0.0.1',
    '127.1',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[64:ff9b::7f00:1]',
  ])('does not go to an address that is written instead of a name: %s', async (literal) => {
    const port = await serve(ok);
    const resolve = () => Promise.reject(new Error('an address is looked up by nobody'));
    const sent = postWebhook(
      deps({ resolve, allows: isPublicAddress }),
      `https://${literal}:${port}/`,
      message,
    );
    await expect(sent).rejects.toThrow(/not public/);
    expect(got).toEqual([]);
  });

  it('goes to the address that was checked, whatever the name says a moment later', async () => {
    const port = await serve(ok);
    await serve(ok, { address: '127.0.0.2', port });
    const answers = [['127.0.0.1'], ['127.0.0.2'], ['127.0.0.2']];
    const resolve = () => Promise.resolve(answers.shift() ?? []);
    await post(port, { resolve });
    expect({ got, left: answers.length }).toEqual({ got: ['127.0.0.1 POST /hook?token=s3cret'], left: 2 });
    await expect(post(port, { resolve })).rejects.toThrow(/not public/);
    expect(got).toHaveLength(1);
  });

  it('goes to the next address where the first is not reached, as one of IPv6 is not from where there is none', async () => {
    const port = await serve(ok);
    const resolve = () => Promise.resolve(['::1', '127.0.0.1']);
    await post(port, { resolve, allows: (address) => ['::1', '127.0.0.1'].includes(address) });
    expect(got).toEqual(['127.0.0.1 POST /hook?token=s3cret']);
  });

  it('follows no redirect', async () => {
    const inside = await serve(ok, { address: '127.0.0.2', plain: true });
    for (const status of [301, 302, 303, 307, 308]) {
      const port = await serve((_, response) => {
        response.writeHead(status, { location: `http://127.0.0.2:${inside}/latest/meta-data/` }).end();
      });
      await expect(post(port)).rejects.toThrow(`answered ${status}, and redirects are not followed`);
    }
    expect(got.filter((line) => line.startsWith('127.0.0.2'))).toEqual([]);
  });

  it('is not taken by a server with another’s certificate, or one that nobody vouches for', async () => {
    const port = await serve(ok);
    const elsewhere = postWebhook(deps(), `https://other.example.test:${port}/`, message);
    await expect(elsewhere).rejects.toThrow(/not reached: ERR_TLS_CERT_ALTNAME_INVALID/);
    await expect(post(port, { ca: undefined })).rejects.toThrow(/not reached: DEPTH_ZERO_SELF_SIGNED_CERT/);
    expect(got).toEqual([]);
  });

  it('does not wait for a server that says nothing, or too slowly', async () => {
    const silent = await serve(() => undefined);
    await expect(post(silent, { timeoutMs: 300 })).rejects.toThrow(/did not answer in time/);
    const dripping = await serve((_, { socket }) => {
      socket?.write('HTTP/1.1 200 OK\r\n');
      const timer = setInterval(() => socket?.write('x-more: 1\r\n'), 20);
      socket?.once('close', () => clearInterval(timer));
      socket?.once('error', () => clearInterval(timer));
    });
    await expect(post(dripping, { timeoutMs: 300 })).rejects.toThrow(/did not answer in time/);
    const never = () => new Promise<string[]>(() => undefined);
    await expect(post(silent, { timeoutMs: 50, resolve: never })).rejects.toThrow(/did not answer in time/);
  });

  it('reads no endless answer, and no head that is too large', async () => {
    let closed: Promise<unknown> | undefined;
    const endless = await serve((_, response) => {
      response.writeHead(200);
      closed = once(response, 'close');
      const pour = () =>
        void (response.destroyed || response.write('x'.repeat(65_536), () => setImmediate(pour)));
      pour();
    });
    // Long before its time is over.
    await post(endless, { timeoutMs: 60_000 });
    await closed;
    const large = await serve((_, response) => {
      response.writeHead(200, { 'x-large': 'x'.repeat(20_000) }).end();
    });
    await expect(post(large)).rejects.toThrow(/not reached: HPE_HEADER_OVERFLOW/);
  });

  it.each([400, 404, 410, 429, 500])(
    'is not taken by who answers %i; the URL’s path is in no error',
    async (status) => {
      const port = await serve((_, response) => void response.writeHead(status).end('s3cret'));
      await expect(post(port)).rejects.toMatchObject({
        message: `the webhook at ${host} answered ${status}`,
      });
      await expect(post(port)).rejects.not.toThrow(/s3cret|hook\?/);
    },
  );

  it('asks no proxy that the environment names', async () => {
    const proxy = await serve(ok, { address: '127.0.0.2', plain: true });
    const before = { ...process.env };
    Object.assign(process.env, { HTTPS_PROXY: `http://127.0.0.2:${proxy}`, NODE_USE_ENV_PROXY: '1' });
    try {
      await post(await serve(ok));
    } finally {
      process.env = before;
    }
    expect(got).toEqual(['127.0.0.1 POST /hook?token=s3cret']);
  });

  it('goes over plain http to this machine alone, where that is allowed there', async () => {
    const port = await serve(ok, { plain: true });
    const url = `http://127.0.0.1:${port}/hook`;
    const allows = isPublicAddress;
    const local = { servicesOrigin: 'http://127.0.0.1:1', allowsLoopback: true };
    await postWebhook({ local, allows }, url, message);
    expect(got).toEqual(['127.0.0.1 POST /hook']);
    await expect(postWebhook({ local: {}, allows }, url, message)).rejects.toThrow(/not https/);
    const elsewhere = `http://10.0.0.1:${port}/hook`;
    await expect(postWebhook({ local, allows }, elsewhere, message)).rejects.toThrow(/not https/);
  });
});
