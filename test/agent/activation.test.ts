import { createPublicKey, verify } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { activationProofText, requests } from '../../core/api.ts';
import { runCli } from './cli-runner.ts';
import { temporaryDirectory } from './temporary-directory.ts';

const code = 'test-code-1234567890abcdef';
let server: Server;
let url: string;
/** Public key that used the code. */
let usedBy: string | undefined;
/** What the server does instead of answering, once. */
let fault: 'drop answer' | 'answer html' | 'answer garbage' | undefined;

/** Keeps the rules of the real door: proof, single use, the same key may repeat. */
function answer(body: string): { status: number; text: string } {
  const { code: given, publicKey, proof } = requests.activate.parse(JSON.parse(body));
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' });
  const proven = verify(
    null,
    Buffer.from(activationProofText(given, publicKey)),
    key,
    Buffer.from(proof, 'base64url'),
  );
  const refuse = (message: string) => ({
    status: 403,
    text: JSON.stringify({ error: { code: 'FORBIDDEN', message, hint: 'ask for a new code' } }),
  });
  if (!proven || given !== code) return refuse('the activation code is not valid');
  if (usedBy !== undefined && usedBy !== publicKey) return refuse('the activation code was used');
  usedBy = publicKey;
  const cells = [
    { cellId: 'c1', webSocketUrl: 'ws://127.0.0.1:1/live' },
    { cellId: 'c2', webSocketUrl: 'ws://127.0.0.1:2/live' },
  ];
  const identity = { gatewayId: `gw-${publicKey.slice(0, 6)}`, tenantId: 'acme', name: 'Cellar', cells };
  return { status: 200, text: JSON.stringify(identity) };
}

beforeAll(async () => {
  server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { status, text } = answer(Buffer.concat(parts).toString());
      const met = fault;
      fault = undefined;
      if (request.url !== '/v1/activate' || request.method !== 'POST')
        return response.writeHead(404).end('{}');
      if (met === 'drop answer') return request.socket.destroy();
      if (met === 'answer html') return response.end('<html>captive portal</html>');
      if (met === 'answer garbage') return response.end('{"gatewayId": 7}');
      return response.writeHead(status, { 'content-type': 'application/json' }).end(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
  usedBy = undefined;
  fault = undefined;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

const activate = (state: string, stdin = `${code}\n`, ...more: string[]) =>
  runCli(['activate', '--server', url, '--state-dir', state, ...more], { stdin });

describe('activate', () => {
  it('trades the code for an identity and keeps key and identity for the owner alone', async () => {
    const state = temporaryDirectory();
    const run = await activate(state, `${code}\n`, '--json');
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(run.stdout)).toMatchObject({ tenantId: 'acme', name: 'Cellar' });
    expect(readdirSync(state).sort()).toEqual(['identity.json', 'key.json']);
    for (const file of readdirSync(state)) expect(statSync(join(state, file)).mode & 0o777).toBe(0o600);
    const { jwk } = JSON.parse(readFileSync(join(state, 'key.json'), 'utf8')) as {
      jwk: { d: string; x: string };
    };
    expect(jwk.x).toBe(usedBy);
    expect(run.stdout).not.toContain(jwk.d);
    expect(run.stdout).not.toContain(code);
  });

  it('gets the same identity when the answer was lost and the command is repeated', async () => {
    const state = temporaryDirectory();
    fault = 'drop answer';
    expect(await activate(state)).toMatchObject({ code: 69 });
    const keyOfFirstTry = usedBy;
    expect(keyOfFirstTry).toBeDefined();
    const activated = await activate(state);
    expect(activated).toMatchObject({ code: 0, stdout: expect.stringContaining('"Cellar"') });
    expect(activated.stdout).toContain(`next: npx holdfast-agent run --state-dir ${state}\n`);
    expect(usedBy).toBe(keyOfFirstTry);
  });

  it('reads the code from a file', async () => {
    const file = join(temporaryDirectory(), 'code.txt');
    writeFileSync(file, `  ${code}  \n`);
    expect(await activate(temporaryDirectory(), '', '--code-file', file)).toMatchObject({ code: 0 });
    expect(await activate(temporaryDirectory(), '', '--code-file', '/nowhere')).toMatchObject({
      code: 66,
      stderr: expect.stringMatching(/NOT_FOUND: \/nowhere does not exist — check the path/),
    });
    expect(await activate(temporaryDirectory(), '', '--code-file', temporaryDirectory())).toMatchObject({
      code: 65,
      stderr: expect.stringMatching(/is a directory — name the file that holds the code/),
    });
  });

  it('refuses a wrong code, a used one, and none with the server’s words', async () => {
    expect(await activate(temporaryDirectory(), 'wrong-code-1234567890')).toMatchObject({
      code: 77,
      stderr: 'error: FORBIDDEN: the activation code is not valid — ask for a new code\n',
    });
    await activate(temporaryDirectory());
    expect(await activate(temporaryDirectory())).toMatchObject({
      code: 77,
      stderr: expect.stringContaining('was used'),
    });
    expect(await activate(temporaryDirectory(), '')).toMatchObject({ code: 65 });
    expect(await activate(temporaryDirectory(), 'short')).toMatchObject({ code: 65 });
  });

  it('refuses a second activation of the same state directory', async () => {
    const state = temporaryDirectory();
    await activate(state);
    expect(await activate(state)).toMatchObject({
      code: 79,
      stderr: expect.stringMatching(`gw-.*holdfast-agent run --state-dir ${state}\``) as string,
    });
  });

  it('names the file whose address of a cell is damaged', async () => {
    const state = temporaryDirectory();
    await activate(state);
    const file = join(state, 'identity.json');
    writeFileSync(file, readFileSync(file, 'utf8').replace('ws://127.0.0.1:2', 'ws://127.0.0!1:2'));
    const run = await runCli(['run', '--state-dir', state]);
    expect(run).toMatchObject({
      code: 65,
      stderr: expect.stringContaining(`error: CORRUPT: ${file}: cell c2: `),
    });
  });

  it('dials the named cell first and refuses one that does not exist', async () => {
    const state = temporaryDirectory();
    expect(await activate(state, code, '--cell', 'c9')).toMatchObject({
      code: 66,
      stderr: expect.stringContaining('c1, c2'),
    });
    expect(await activate(state, code, '--cell', 'c2')).toMatchObject({ code: 0 });
    expect(JSON.parse(readFileSync(join(state, 'identity.json'), 'utf8'))).toMatchObject({
      preferredCellId: 'c2',
    });
  });

  it('says so when something else than the control plane answers', async () => {
    fault = 'answer html';
    const refused = await activate(temporaryDirectory());
    expect(refused).toMatchObject({
      code: 76,
      stderr: expect.stringContaining('is this the URL of a Holdfast control plane'),
    });
    fault = 'answer garbage';
    expect(await activate(temporaryDirectory())).toMatchObject({ code: 76 });
  });

  it('sends the code over an unencrypted connection to this machine alone', async () => {
    const run = await runCli(
      ['activate', '--server', 'http://example.com', '--state-dir', temporaryDirectory()],
      { stdin: code },
    );
    expect(run).toMatchObject({ code: 78, stderr: expect.stringContaining('not encrypted') });
    expect(
      await runCli(['activate', '--server', 'foo', '--state-dir', temporaryDirectory()], { stdin: code }),
    ).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('"foo" is not a https:// URL — write it like https://'),
    });
  });

  it('has no option that takes the code itself', async () => {
    expect(await activate(temporaryDirectory(), '', '--code', code)).toMatchObject({ code: 64 });
  });

  it('refuses a damaged key instead of making a new one', async () => {
    const state = temporaryDirectory();
    writeFileSync(join(state, 'key.json'), '{}');
    expect(await activate(state)).toMatchObject({ code: 65, stderr: expect.stringContaining('key.json') });
  });
});
