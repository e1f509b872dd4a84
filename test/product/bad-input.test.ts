import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { GatewayView } from '../../core/identity/gateway-view.ts';
import { until, type Finished } from '../../cli/demo/processes.ts';
import { callAgent } from '../../agent/control/control-client.ts';
import { World } from '../../cli/demo/world.ts';
import { startLocalCloud, type TestCloud } from '../support/local-cloud.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
let dir: string;
let cloud: TestCloud;
let world: World;
let endpoint: string;
let gatewayId: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-product-'));
  world = new World(dir, root, callAgent);
  cloud = await startLocalCloud({ dataDir: world.dataDir });
  endpoint = cloud.urls['holdfast-home']?.['ApiUrl'] ?? '';
  const client = {
    endpoint,
    cells: {
      'cell-1': cloud.urls['holdfast-cell-1']?.['ApiUrl'],
      'cell-2': cloud.urls['holdfast-cell-2']?.['ApiUrl'],
    },
    region: cloud.region,
    tenantId: 'default',
    operator: cloud.operatorCredentials,
  };
  await writeFile(join(world.dataDir, 'client.json'), JSON.stringify(client), { mode: 0o600 });
  const code = await world.holdfast('activation', 'create', '--name', 'a');
  await world.agentCli('a', ['activate', '--server', endpoint], code);
  await world.startAgent('a');
  const gateway = await until('the gateway’s connection', 30_000, async () => {
    const { gateways } = await world.holdfastJson<{ gateways: GatewayView[] }>('gateways', 'list');
    return gateways.find((g) => g.connection.state === 'connected');
  });
  ({ gatewayId } = gateway);
  await world.send(gatewayId, 'volume.create', {
    volumeId: 'v1',
    path: join(dir, 'v1.img'),
    sizeBytes: '1048576',
  });
}, 120_000);

afterAll(async () => {
  await world.processes.stopAll();
  await cloud.stop();
  await rm(dir, { recursive: true, force: true });
}, 60_000);

const holdfast = (...args: string[]): Promise<Finished> =>
  world.processes.run(process.execPath, [join(root, 'bin/holdfast.ts'), ...args]);
const agent = (args: string[], stdin = ''): Promise<Finished> =>
  world.processes.run(process.execPath, [join(root, 'bin/holdfast-agent.ts'), ...args], stdin);

/** One line on stderr: a code, what is wrong and, after a dash, what to do; nothing of a stack trace. */
function expectError(finished: Finished, code: string, words: RegExp): void {
  // Who waits for a command is told first which one it is.
  const lines = finished.stderr
    .replace(/^command \w+ is submitted\n/, '')
    .trim()
    .split('\n');
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(new RegExp(`^error: ${code}: .+ — .+`));
  expect(lines[0]).toMatch(words);
  expect(finished.stderr).not.toMatch(/\bat .*\.ts:\d+/);
  expect(finished.code).toBeGreaterThan(0);
}

test('a wrong activation code', async () => {
  const wrong = 'hfa_00000000000000000000000000000000';
  const args = ['activate', '--server', endpoint, '--state-dir', join(dir, 'wrong')];
  expectError(await agent(args, wrong), 'UNAUTHENTICATED|FORBIDDEN|NOT_FOUND', /activation code/i);
});

test('an activation code that another gateway has used', async () => {
  const code = await world.holdfast('activation', 'create');
  await world.agentCli('b', ['activate', '--server', endpoint], code);
  const args = ['activate', '--server', endpoint, '--state-dir', join(dir, 'thief')];
  expectError(await agent(args, code), 'UNAUTHENTICATED|FORBIDDEN|CONFLICT|GONE', /activation code/i);
});

test('an unknown gateway', async () => {
  expectError(await holdfast('send', 'gw-nobody', 'probe'), 'NOT_FOUND', /gw-nobody/);
  expectError(await holdfast('gateways', 'show', 'gw-nobody'), 'NOT_FOUND', /gw-nobody/);
});

test('an unknown command and parameters that do not fit', async () => {
  expectError(await holdfast('send', gatewayId, 'format.disk'), 'INVALID_INPUT', /format\.disk/);
  expectError(
    await holdfast('send', gatewayId, 'volume.check', '-p', 'volumeId=UPPER'),
    'INVALID_INPUT',
    /volumeId/,
  );
  expectError(await holdfast('send', gatewayId, 'probe', '-p', 'nonsense=1'), 'INVALID_INPUT', /nonsense/);
});

test('parameters that are too large', async () => {
  const args = ['send', gatewayId, 'probe', '--params', '-'];
  const input = JSON.stringify({ echo: 'x'.repeat(100_000) });
  const finished = await world.processes.run(
    process.execPath,
    [join(root, 'bin/holdfast.ts'), ...args],
    input,
  );
  expectError(finished, 'TOO_LARGE|INVALID_INPUT', /large|at most|echo/i);
});

test('a snapshot that does not exist, and a volume that does not', async () => {
  const none = '01m81jerdzxsme7wv87gr4sraa';
  const restore = ['send', gatewayId, 'restore.start', '-p', 'volumeId=v1', '-p', `snapshotId=${none}`];
  expectError(
    await holdfast(...restore, '-p', 'replace=true'),
    'STEP_FAILED',
    new RegExp(`restore.start FAILED: NOT_FOUND: .*${none}`),
  );
  const other = await holdfast('send', gatewayId, 'snapshot.create', '-p', 'volumeId=v9');
  expect(other.stderr).toMatch(/^error: STEP_FAILED: snapshot.create FAILED: NOT_FOUND: .*v9/m);
});

test('the gateway is still there afterwards and does what it is told', async () => {
  const command = await world.send(gatewayId, 'probe', { echo: 'well' });
  expect(command.state).toBe('SUCCEEDED');
  expect(command.outcome?.output?.['echo']).toBe('well');
});

test('no secret stands in a log', async () => {
  const logs = [JSON.stringify(cloud.logs), await readFile(join(dir, 'logs', 'agent-a.log'), 'utf8')].join(
    '\n',
  );
  expect(logs).not.toContain(cloud.operatorCredentials.secretAccessKey);
  expect(logs).not.toMatch(/hfa_[0-9a-f]{32}/);
});
