import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { holdfastProgram } from '../../bin/holdfast-program.ts';
import { createApiClient, type ApiClient } from '../../cli/api-client.ts';
import { runProgram } from '../../cli/program.ts';
import { bundleKey, bundleSchema, sectionNames, type Bundle } from '../../core/diagnostics.ts';
import { presignedGetUrl } from '../../core/sigv4.ts';
import { startLocalCloud, type TestCloud } from '../support/local-cloud.ts';
import { AgentProcess } from './agent-process.ts';
import { runCli, type CliRun } from './cli-runner.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** The way of a bundle with real processes: from a gateway that only dials out into a file of the support engineer. */
const secret = (): string => randomBytes(12).toString('hex');
const planted = { proxyPassword: secret(), awsSecret: secret(), token: secret(), unrelated: secret() };
const directory = temporaryDirectory();
const state = join(directory, 'state');
const dataDir = join(directory, 'data');
let cloud: TestCloud;
let gatewayId: string;
let agent: AgentProcess;

const apiOf = (tenantId: string, identity?: Parameters<typeof createApiClient>[0]['identity']): ApiClient =>
  createApiClient({
    endpoint: cloud.urls['holdfast-home']!['ApiUrl']!,
    cells: {},
    region: cloud.region,
    tenantId,
    identity: identity ?? { kind: 'operator', keys: () => Promise.resolve(cloud.operatorCredentials) },
  });

/** The operator's command line, beside the control plane. */
async function holdfast(...argv: string[]): Promise<CliRun> {
  const run = { stdout: '', stderr: '' };
  const unused = () => {
    throw new Error('not to be used here');
  };
  const deps = {
    env: { HOLDFAST_DATA_DIR: dataDir },
    stdout: (text: string) => void (run.stdout += `${text}\n`),
    stderr: (text: string) => void (run.stderr += `${text}\n`),
    now: Date.now,
    readStdin: () => Promise.resolve(''),
    start: unused,
    interrupted: () => new Promise<void>(() => undefined),
    isTerminal: false,
    stopSignal: unused,
    setExitCode: unused,
  };
  return { code: await runProgram(holdfastProgram(deps), argv, deps), ...run };
}

const diagnose = (...flags: string[]) => holdfast('gateways', 'diagnose', gatewayId, ...flags);
const read = (file: string): Bundle =>
  bundleSchema.parse(JSON.parse(gunzipSync(readFileSync(file)).toString('utf8')));
const commandCount = async () =>
  (await apiOf('acme').call('listCommands', { params: { gatewayId } })).commands.length;

beforeAll(async () => {
  cloud = await startLocalCloud({ context: { heartbeatIntervalMs: 1_000, reconnectWindowMs: 500 } });
  const { code } = await apiOf('acme').call('createActivationCode', { body: { gatewayName: 'Cellar' } });
  const home = cloud.urls['holdfast-home']!['ApiUrl']!;
  const activated = await runCli(['activate', '--server', home, '--state-dir', state, '--json'], {
    stdin: code,
  });
  ({ gatewayId } = JSON.parse(activated.stdout) as { gatewayId: string });
  agent = new AgentProcess(state, ['--check-interval', '7s'], {
    HTTPS_PROXY: `http://carol:${planted.proxyPassword}@proxy.example.test:3128`,
    AWS_SECRET_ACCESS_KEY: planted.awsSecret,
    CUSTOMER_TOKEN: planted.token,
    CUSTOMER_MOTTO: planted.unrelated,
    // In a place that the bundle shows: known by its value there.
    NO_PROXY: `internal.example.test,${planted.token}.example.test`,
  });
  await agent.until('link.up');
  mkdirSync(dataDir);
  const client = {
    endpoint: home,
    cells: {},
    region: cloud.region,
    tenantId: 'acme',
    operator: cloud.operatorCredentials,
  };
  writeFileSync(join(dataDir, 'client.json'), JSON.stringify(client));
}, 120_000);
afterAll(async () => {
  await agent?.kill('SIGTERM');
  await cloud?.stop();
});

describe('a support engineer', () => {
  const file = join(directory, 'bundle.json.gz');

  it('fetches a bundle with every section, checked and for their own eyes', async () => {
    const run = await diagnose('--out', file);
    expect(run).toMatchObject({ code: 0, stdout: expect.stringContaining('3 of 3 reached') as string });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex');
    expect(run.stdout).toContain(sha256);
    expect(run.stdout + run.stderr).not.toContain('X-Amz-');
    const bundle = read(file);
    expect(bundle).toMatchObject({ tenantId: 'acme', gatewayId, problems: [], cut: [] });
    expect(sectionNames.filter((name) => bundle[name] === undefined)).toEqual([]);
    expect(bundle).toMatchObject({
      configuration: { name: 'Cellar', checkIntervalMs: 7_000 },
      connection: { connected: true, cellId: 'cell-1' },
      commands: [{ kind: 'diagnostics.collect', state: 'started', commandId: bundle.commandId }],
      network: ['cell-1', 'cell-2', 's3'].map((target) => ({ target, ok: true, httpStatus: 403 })),
    });
    expect(bundle.log!.lines.map(({ event }) => event)).toContain('link.up');
  });

  it('finds no secret of the gateway in it', async () => {
    const { jwk } = JSON.parse(readFileSync(join(state, 'key.json'), 'utf8')) as { jwk: { d: string } };
    const text = JSON.stringify(read(file));
    for (const [name, value] of Object.entries({ ...planted, key: jwk.d }))
      expect({ name, isIn: text.includes(value) }).toEqual({ name, isIn: false });
    expect(text).not.toMatch(/eyJ|carol|CUSTOMER_|AWS_SECRET/);
    const { NO_PROXY, HTTPS_PROXY } = read(file).configuration!.environment;
    expect({ NO_PROXY, HTTPS_PROXY }).toEqual({
      NO_PROXY: 'internal.example.test,[redacted].example.test',
      HTTPS_PROXY: 'http://proxy.example.test:3128',
    });
  });

  it('never loses a file to another one, nor asks the gateway for what has no place', async () => {
    const before = { count: await commandCount(), bytes: readFileSync(file) };
    expect(await diagnose('--out', file)).toMatchObject({
      code: 79,
      stderr: expect.stringContaining('exists already') as string,
    });
    expect({ count: await commandCount(), bytes: readFileSync(file) }).toEqual(before);
  });

  it('fetches it again by its command, and sees the link only in JSON', async () => {
    const { commandId } = read(file);
    const again = join(directory, 'again.json.gz');
    const run = await diagnose('--command', commandId, '--out', again, '--json');
    const answer = JSON.parse(run.stdout) as { link: { url: string; expiresAt: number }; sections: string[] };
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(answer).toMatchObject({ file: again, commandId, sections: sectionNames });
    expect(readFileSync(again)).toEqual(readFileSync(file));
    expect(answer.link.expiresAt - Date.now()).toBeLessThanOrEqual(300_000);
    expect((await fetch(answer.link.url)).status).toBe(200);
  });

  it('reads of a command that collects nothing that it leaves no bundle', async () => {
    const probe = await holdfast('send', gatewayId, 'probe', '--json');
    const { command } = JSON.parse(probe.stdout) as { command: { commandId: string } };
    const run = await diagnose('--command', command.commandId, '--out', join(directory, 'none'));
    expect(run).toMatchObject({ code: 76, stderr: expect.stringContaining('left no bundle') as string });
  });
});

describe('a link', () => {
  const link = async (api = apiOf('acme'), commandId = read(join(directory, 'bundle.json.gz')).commandId) =>
    (await api.call('linkBundle', { params: { gatewayId, commandId } })).url;
  const answerTo = async (url: string | URL, init?: RequestInit) => {
    const response = await fetch(url, init);
    return { status: response.status, code: /<Code>(\w+)/.exec(await response.text())?.[1] };
  };

  it('lets nobody read another object, write, or change how long it holds', async () => {
    const url = await link();
    const changed = (change: (url: URL) => void): URL => {
      const other = new URL(url);
      change(other);
      return other;
    };
    const refused = { status: 403, code: 'SignatureDoesNotMatch' };
    expect(await answerTo(changed((u) => (u.pathname += 'x')))).toEqual(refused);
    expect(await answerTo(changed((u) => u.searchParams.set('X-Amz-Expires', '86400')))).toEqual(refused);
    expect(await answerTo(url, { method: 'PUT', body: 'x' })).toEqual(refused);
    expect(await answerTo(url, { method: 'DELETE' })).toEqual(refused);
    expect((await answerTo(url)).status).toBe(200);
  });

  it('is refused when it has expired', async () => {
    const bare = new URL(await link());
    bare.search = '';
    const at = (agoMs: number) => ({ at: new Date(Date.now() - agoMs), expiresInSec: 300 });
    const signed = (agoMs: number) =>
      presignedGetUrl(bare, { keys: cloud.rootCredentials, region: cloud.region, ...at(agoMs) });
    expect((await answerTo(await signed(200_000))).status).toBe(200);
    expect(await answerTo(await signed(301_000))).toEqual({ status: 403, code: 'AccessDenied' });
  });

  it('leads to the command’s own object, for five minutes', async () => {
    const url = new URL(await link());
    const [, bucket] = url.pathname.split('/');
    expect(url.searchParams.get('X-Amz-Expires')).toBe('300');
    expect(url.pathname).toBe(`/${bucket}/${bundleKey(read(join(directory, 'bundle.json.gz')))}`);
  });

  it('is for an admin of the gateway’s own tenant', async () => {
    await expect(link(apiOf('other'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const { token } = await apiOf('acme').call('createToken', { body: { role: 'tenant-read' } });
    const reader = apiOf('acme', { kind: 'tenant', token });
    await expect(link(reader)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    const admin = await apiOf('acme').call('createToken', { body: { role: 'tenant-admin' } });
    expect(await link(apiOf('acme', { kind: 'tenant', token: admin.token }))).toContain('X-Amz-Signature');
  });

  it('stands in no log of the control plane or of the gateway', async () => {
    const signature = new URL(await link()).searchParams.get('X-Amz-Signature')!;
    expect(cloud.logs.map(({ event }) => event)).toContain('bundle.linked');
    for (const log of [cloud.logs, agent.lines]) {
      expect(JSON.stringify(log)).not.toContain(signature);
      expect(JSON.stringify(log)).not.toContain('X-Amz-');
    }
  });
});
