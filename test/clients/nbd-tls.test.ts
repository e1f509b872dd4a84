import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { clientOutput, describeWithClients, runClient } from '../support/clients.ts';
import { serveFile, testFolder, type ServedFile } from './nbd-server.ts';

const folder = testFolder();
const image = join(folder, 'image');

describeWithClients(['nbdinfo', 'nbdsh', 'openssl'], 'NBD over TLS', () => {
  let served: ServedFile;
  beforeAll(async () => {
    await makeCertificates(folder);
    writeFileSync(image, 'held fast'.padEnd(4096));
    const pem = (name: string) => readFileSync(join(folder, name), 'utf8');
    served = await serveFile(image, {
      listen: { host: '127.0.0.1', port: 0 },
      tls: { key: pem('server-key.pem'), cert: pem('server-cert.pem'), ca: pem('ca-cert.pem') },
    });
  });
  afterAll(() => served.close());
  const port = () => (served.server.address as { port: number }).port;
  const secure = (certificates: string) => `nbds://localhost:${port()}/v?tls-certificates=${certificates}`;

  it('serves a client whose certificate the authority signed', async () => {
    const info = await clientOutput('nbdinfo', [secure(folder)]);
    expect(info).toContain('with TLS');
    const script = `h.set_uri_allow_local_file(True)\nh.connect_uri('${secure(folder)}')\nprint(h.pread(9, 0))`;
    expect(await clientOutput('nbdsh', ['-c', script])).toContain('held fast');
  });

  it('shows a client in the clear nothing, not even the names', async () => {
    const clear = `nbd://127.0.0.1:${port()}`;
    for (const args of [[`${clear}/v`], ['--list', clear]]) {
      const refused = await runClient('nbdinfo', args);
      expect(refused.code).not.toBe(0);
      expect(refused.stdout).not.toMatch(/export|4096/);
    }
  });

  it('refuses a client without a certificate and one that another authority signed', async () => {
    const stranger = join(folder, 'stranger');
    await makeCertificates(stranger);
    writeFileSync(join(stranger, 'ca-cert.pem'), readFileSync(join(folder, 'ca-cert.pem')));
    expect((await runClient('nbdinfo', [secure(stranger)])).code).not.toBe(0);
    const none = `nbds://localhost:${port()}/v?tls-verify-peer=false`;
    expect((await runClient('nbdinfo', [none])).code).not.toBe(0);
    expect(await clientOutput('nbdinfo', ['--size', secure(folder)])).toBe('4096\n'); // and goes on
  });
});

/** An authority, a server and a client in the file names that libnbd looks for. */
async function makeCertificates(into: string): Promise<void> {
  const make = async (name: string, subject: string, extra: string[]) =>
    clientOutput('openssl', [
      ...[
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
      ],
      ...[
        '-subj',
        `/CN=${subject}`,
        '-keyout',
        join(into, `${name}-key.pem`),
        '-out',
        join(into, `${name}-cert.pem`),
      ],
      ...extra,
    ]);
  mkdirSync(into, { recursive: true });
  await make('ca', 'holdfast test authority', []);
  const signed = ['-CA', join(into, 'ca-cert.pem'), '-CAkey', join(into, 'ca-key.pem')];
  const leaf = ['-addext', 'basicConstraints=critical,CA:FALSE'];
  await make('server', 'localhost', [
    ...signed,
    ...leaf,
    '-addext',
    'subjectAltName=DNS:localhost,IP:127.0.0.1',
  ]);
  await make('client', 'client', [...signed, ...leaf]);
}
