import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { bundleText } from '../../cli/bundle-text.ts';
import { downloadBundle, unpackBundle } from '../../cli/download-bundle.ts';
import { bundleFormat, type Bundle } from '../../core/diagnostics.ts';

const bytes = Buffer.from('what the gateway uploaded');
const sha256 = createHash('sha256').update(bytes).digest('hex');
const whole = { sizeBytes: bytes.length, sha256 };
let server: Server;
let answer: { status: number; body: Buffer; headers?: Record<string, string> };
beforeAll(async () => {
  server = createServer((_, response) =>
    response.writeHead(answer.status, answer.headers ?? {}).end(answer.body),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/b/k?X-Amz-Signature=hush`;
const download = (expected = whole) => downloadBundle(url(), expected);

it('is what the command’s outcome tells of', async () => {
  answer = { status: 200, body: bytes };
  expect(await download()).toEqual(bytes);
});

it.each([
  ['other bytes', { status: 200, body: Buffer.alloc(bytes.length, 'x') }, 'CORRUPT'],
  ['fewer bytes', { status: 200, body: bytes.subarray(1) }, 'CORRUPT'],
  ['more bytes, without end', { status: 200, body: Buffer.alloc(10_000_000) }, 'CORRUPT'],
  ['a link that has expired', { status: 403, body: Buffer.alloc(0) }, 'FORBIDDEN'],
  ['a store in trouble', { status: 503, body: Buffer.alloc(0) }, 'UNAVAILABLE'],
  [
    'another place',
    { status: 302, body: bytes, headers: { location: 'http://127.0.0.1:1/' } },
    'UNAVAILABLE',
  ],
])('refuses %s, and never says the link', async (_, given, code) => {
  answer = given;
  const error = await download().catch((thrown: unknown) => thrown as Error);
  expect(error).toMatchObject({ code });
  expect(String((error as Error).message)).not.toContain('hush');
});

it('does not begin where the outcome tells of more than a bundle may have', async () => {
  await expect(download({ ...whole, sizeBytes: 5_000_000 })).rejects.toMatchObject({ code: 'TOO_LARGE' });
});

describe('what is in it', () => {
  const bundle: Bundle = {
    ...{ format: bundleFormat, version: 1, tenantId: 'acme', gatewayId: 'gw-1', commandId: 'c1' },
    ...{ collectedAt: 0, durationMs: 1 },
    connection: { connected: false, connects: 3, losses: 3, clockOffsetMs: 0, trouble: 'closed with 1006' },
    network: [
      {
        ...{ target: 'cell-1', url: 'wss://c/', ok: false, proxy: 'http://proxy:3128' },
        steps: [
          { step: 'dns', ok: true, durationMs: 3.2 },
          { step: 'tcp', ok: false, durationMs: 5_000, error: 'nothing within 5 s' },
        ],
      },
    ],
    problems: [{ section: 'host', message: 'no /proc' }],
    cut: [],
  };
  const output = { ...whole, key: 'k', sections: [], problems: [], cut: [] };
  const text = (of: Bundle | undefined) => bundleText(of, { file: 'f.json.gz', output });

  it('is said section by section, and check by check', () => {
    expect(unpackBundle(gzipSync(JSON.stringify(bundle)))).toEqual(bundle);
    expect(text(bundle)).toContain('host           not collected: no /proc');
    expect(text(bundle)).toContain('connection     closed with 1006, 3 lost since the start');
    expect(text(bundle)).toContain('network        0 of 1 reached');
    expect(text(bundle)).toMatch(
      /^cell-1 +http:\/\/proxy:3128 +5003 ms +- +tcp failed: nothing within 5 s$/m,
    );
  });

  it('is not known of a bundle of another version, whose file is kept all the same', () => {
    for (const other of [gzipSync(JSON.stringify({ ...bundle, version: 2 })), gzipSync('{'), bytes])
      expect(unpackBundle(other)).toBeUndefined();
    expect(text(undefined)).toContain('cannot read it');
  });
});
