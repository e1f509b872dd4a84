import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };

/** Before the entry point runs, the process takes itself for an older one. */
const olderNode = `data:text/javascript,Object.defineProperty(process, 'versions', {value: {node: '20.19.0'}})`;

function run(
  args: string[],
  env: Record<string, string> = {},
  file = process.execPath,
): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const done = (error: { code?: unknown } | null, out: string, err: string) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    execFile(file, args, { cwd: root, env: { PATH: process.env['PATH'], ...env } }, done);
  });
}

describe.each(['holdfast', 'holdfast-agent'])('%s', (name) => {
  const entry = `bin/${name}.js`;

  it('is what npm links', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    expect(scripts['prepare']).toContain(`../../${entry} node_modules/.bin/${name}`);
  });

  it('fails where its output is lost, and not where its reader has had enough', async () => {
    const shell = (sink: string) =>
      run(['--norc', '-c', `"$0" ${entry} --help ${sink}`, process.execPath], {}, 'bash');
    const lost = await shell('> /dev/full');
    expect([lost.code, lost.err]).toEqual([
      74,
      expect.stringMatching(/^error: IO: the output is incomplete: .* — /),
    ]);
    expect(await shell('| true; exit ${PIPESTATUS[0]}')).toMatchObject({ code: 0, err: '' });
  });

  it('has the version of the package', async () => {
    expect(await run([entry, '--version'])).toEqual({ code: 0, out: `${version}\n`, err: '' });
  });

  it('says on an older Node which one it needs and how to get it', async () => {
    const { code, out, err } = await run(['--import', olderNode, entry, '--version']);
    expect([code, out]).toEqual([78, '']);
    expect(err).toMatch(
      new RegExp(`^error: CONFIG: .* Node 24, and this is Node 20\\.19\\.0 — type \`npx ${name}\` .*\\n$`),
    );
  });
});

it.each([
  [
    'holdfast',
    '--version',
    { HTTPS_PROXY: 'foo' },
    'HTTPS_PROXY: the proxy foo is no URL — write http://foo',
  ],
  [
    'holdfast-agent',
    'status',
    { http_proxy: 'me:secret@proxy:3128' },
    'http_proxy: the proxy proxy:3128 is no URL — write http://proxy:3128',
  ],
])('%s: a proxy without its scheme is one line that says how to write it', async (name, word, env, line) => {
  expect(await run([`bin/${name}.js`, word], env)).toMatchObject({
    code: 78,
    err: `error: CONFIG: ${line}\n`,
  });
});

/** What `gateways list` asked a control plane for, with these variables. */
async function listing(env: Record<string, string>) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.end('{"gateways":[]}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const keys = { AWS_ACCESS_KEY_ID: 'AK', AWS_SECRET_ACCESS_KEY: 'x' };
  const argv = ['gateways', 'list', '--json', '--endpoint', endpoint, '--data-dir', 'none'];
  const ran = await run(['bin/holdfast.js', ...argv], { ...keys, ...env }).finally(() => server.close());
  return { ...ran, asked };
}

it('this machine is reached without a proxy', async () => {
  const { code, out } = await listing({ HTTP_PROXY: 'http://127.0.0.1:1' });
  expect([code, JSON.parse(out)]).toEqual([0, { gateways: [], hiddenCount: 0 }]);
});

it('a variable that is empty is one that is not set', async () => {
  const names = ['TENANT', 'ENDPOINT', 'DATA_DIR', 'TOKEN_FILE', 'OPERATOR_TOKEN_FILE'];
  const empty = Object.fromEntries(names.map((name) => [`HOLDFAST_${name}`, '']));
  const without = await listing({});
  expect(without.asked).toHaveLength(1);
  expect(await listing(empty)).toEqual(without);
});
