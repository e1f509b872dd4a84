import { mkdtemp, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ChildProcess } from 'node:child_process';
import type { AlertView, CommandView } from '../../core/api.ts';
import type { GatewayView } from '../../core/identity/gateway-view.ts';
import { readLocalClient } from '../../cli/context.ts';
import { until } from '../../cli/demo/processes.ts';
import { callAgent } from '../../agent/control/control-client.ts';
import { World } from '../../cli/demo/world.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
let dir: string;
let world: World;
let cloud: ChildProcess;

let gatewayId: string;
let snapshotId: string;
let alert: AlertView;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-restart-'));
  world = new World(dir, root, callAgent);
  await up();
  const endpoint = readLocalClient(world.dataDir)?.endpoint ?? '';
  const code = await world.holdfast('activation', 'create', '--name', 'a');
  await world.agentCli('a', ['activate', '--server', endpoint], code);
  await world.startAgent('a');
  ({ gatewayId } = await connected());
  const path = join(dir, 'v1.img');
  await world.send(gatewayId, 'volume.create', { volumeId: 'v1', path, sizeBytes: String(8 * 1024 * 1024) });
  const snapshot = await world.send(gatewayId, 'snapshot.create', { volumeId: 'v1' });
  snapshotId = String(snapshot.outcome?.output?.['snapshotId']);
  await truncate(path, 4_096);
  alert = await until('the alert', 60_000, async () =>
    (await world.alerts()).find(({ state }) => state === 'FIRING'),
  );
}, 240_000);
afterAll(async () => {
  await world.processes.stopAll();
  await rm(dir, { recursive: true, force: true });
}, 60_000);

async function up(...more: string[]): Promise<void> {
  const args = ['up', '--data-dir', world.dataDir, '--port', '0', '--log', 'json', '--schedule-scale', '12'];
  cloud = await world.start('cloud', 'holdfast', [...args, '--no-activation-code', ...more]);
  await until('an answer', 60_000, () => world.holdfast('gateways', 'list'), 500);
}
/** Resolves with how the process ended: its exit code, or the signal. */
function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<number | string | null> {
  const ended = new Promise<number | string | null>((resolve) =>
    child.once('exit', (code, killedBy) => resolve(code ?? killedBy)),
  );
  child.kill(signal);
  return ended;
}
const connected = (): Promise<GatewayView> =>
  until('the gateway’s connection', 60_000, async () => {
    const { gateways } = await world.holdfastJson<{ gateways: GatewayView[] }>('gateways', 'list');
    return gateways.find((g) => g.connection.state === 'connected' && g.heartbeat);
  });
/** What must not change; `firedAt` tells the alert from one that was raised again. */
const identityOf = ({ alertKey, state, episode, seq, firedAt }: AlertView) => ({
  alertKey,
  state,
  episode,
  seq,
  firedAt,
});

test.each([
  { signal: 'SIGKILL', ending: 'SIGKILL', more: [] },
  { signal: 'SIGTERM', ending: 0, more: ['--no-synth'] },
] as const)(
  'gateways, commands and a firing alert outlive a control plane that $signal ends, and agents come back',
  async ({ signal, ending, more }) => {
    const before = await connected();
    expect(await stop(cloud, signal)).toBe(ending);
    await up(...more);
    expect((await world.alerts()).map(identityOf)).toEqual([identityOf(alert)]);
    const back = await until('a new connection', 60_000, async () => {
      const now = await connected();
      return now.connection.since !== before.connection.since ? now : undefined;
    });
    expect(back.gatewayId).toBe(gatewayId);
    const { commands } = await world.holdfastJson<{ commands: CommandView[] }>('commands', 'list', gatewayId);
    expect(commands.map((command) => [command.kind, command.state]).sort()).toEqual([
      ['snapshot.create', 'SUCCEEDED'],
      ['volume.create', 'SUCCEEDED'],
    ]);
  },
  120_000,
);

test('the snapshot is still there to be restored, and the alert resolves', async () => {
  const restored = await world.send(gatewayId, 'restore.start', { volumeId: 'v1', snapshotId });
  expect(restored.state).toBe('SUCCEEDED');
  const resolved = await until('the resolve', 60_000, async () =>
    (await world.alerts()).find(({ state }) => state === 'RESOLVED'),
  );
  const { alertKey, episode, firedAt } = alert;
  expect(resolved).toMatchObject({ alertKey, episode, firedAt, seq: alert.seq + 1 });
}, 120_000);

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
  expect(finished.stderr).toMatch(/^starting \d stacks: .*\nerror: BUSY: .* — .*\n$/);
  expect(finished.code).toBe(82);
});
