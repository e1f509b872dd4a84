import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ChildProcess } from 'node:child_process';
import type { CommandView, GatewayView } from '../../core/api.ts';
import { readLocalClient } from '../../cli/context.ts';
import { killHard, until } from '../../cli/demo/processes.ts';
import { callAgent } from '../../agent/control/control-client.ts';
import { World } from '../../cli/demo/world.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
let dir: string;
let world: World;
let cloud: ChildProcess;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-restart-'));
  world = new World(dir, root, callAgent);
});
afterAll(async () => {
  await world.processes.stopAll();
  await rm(dir, { recursive: true, force: true });
}, 60_000);

async function up(): Promise<void> {
  const args = ['up', '--data-dir', world.dataDir, '--port', '0', '--log', 'json', '--schedule-scale', '12'];
  cloud = await world.start('cloud', 'holdfast', [...args, '--no-activation-code']);
  await until('an answer', 60_000, () => world.holdfast('gateways', 'list'), 500);
}
const connected = (): Promise<GatewayView> =>
  until('the gateway’s connection', 60_000, async () => {
    const { gateways } = await world.holdfastJson<{ gateways: GatewayView[] }>('gateways', 'list');
    return gateways.find((g) => g.connection.state === 'connected' && g.heartbeat);
  });

test('gateways, volumes, snapshots and commands outlive a killed control plane, and agents come back', async () => {
  await up();
  const endpoint = readLocalClient(world.dataDir)?.endpoint ?? '';
  const code = await world.holdfast('activation', 'create', '--name', 'a');
  await world.agentCli('a', ['activate', '--server', endpoint], code);
  await world.startAgent('a');
  const { gatewayId } = await connected();
  const volume = { volumeId: 'v1', path: join(dir, 'v1.img'), sizeBytes: String(8 * 1024 * 1024) };
  await world.send(gatewayId, 'volume.create', volume);
  const snapshot = await world.send(gatewayId, 'snapshot.create', { volumeId: 'v1' });

  const route = await connected();
  await killHard(cloud);
  await up();
  const back = await until('a new connection', 60_000, async () => {
    const now = await connected();
    return now.connection.since !== route.connection.since ? now : undefined;
  });
  expect(back.gatewayId).toBe(gatewayId);
  const { commands } = await world.holdfastJson<{ commands: CommandView[] }>('commands', 'list', gatewayId);
  expect(commands.map((command) => [command.kind, command.state]).sort()).toEqual([
    ['snapshot.create', 'SUCCEEDED'],
    ['volume.create', 'SUCCEEDED'],
  ]);
  const snapshotId = String(snapshot.outcome?.output?.['snapshotId']);
  const restored = await world.send(gatewayId, 'restore.start', { volumeId: 'v1', snapshotId });
  expect(restored.state).toBe('SUCCEEDED');
}, 240_000);

test('a second control plane on the same data directory is refused by one line', async () => {
  const args = [
    join(root, 'bin/holdfast.ts'),
    'up',
    '--data-dir',
    world.dataDir,
    '--port',
    '0',
    '--no-synth',
  ];
  const finished = await world.processes.run(process.execPath, args);
  expect(finished.stderr).toMatch(/^error: BUSY: .* — .*\n$/);
  expect(finished.code).toBe(82);
});
