import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { saveIdentity } from '../../agent/identity/gateway-identity.ts';
import { loadOrCreateGatewayKey } from '../../agent/identity/gateway-key.ts';
import { controlLineBytesMax } from '../../agent/control/control-protocol.ts';
import { missingClients, runClient } from '../support/clients.ts';
import { AgentProcess } from './agent-process.ts';
import { runCli } from './cli-runner.ts';
import { FakeCell } from './fake-cell.ts';
import { temporaryDirectory } from './temporary-directory.ts';

const directory = temporaryDirectory();
const state = join(directory, 'state');
const image = join(directory, 'vol1.img');
const metricsDir = join(directory, 'metrics');
let cell: FakeCell;
let agent: AgentProcess;

const cli = (...args: string[]) => runCli([...args, '--state-dir', state]);
const json = async (...args: string[]): Promise<unknown> => {
  const run = await cli(...args, '--json');
  expect(run).toMatchObject({ code: 0, stderr: '' });
  return JSON.parse(run.stdout);
};
/** What the control socket answers to bytes that no CLI of ours would send. */
const say = (bytes: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(join(state, 'control.sock'));
    socket.setEncoding('utf8').on('data', (part: string) => (answer += part));
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
    socket.write(bytes);
  });

beforeAll(async () => {
  mkdirSync(state, { mode: 0o700 });
  const key = await loadOrCreateGatewayKey(join(state, 'key.json'));
  cell = new FakeCell('c1', key.publicKey);
  await cell.listen();
  await saveIdentity(join(state, 'identity.json'), {
    gatewayId: 'g1',
    tenantId: 'acme',
    cells: [{ cellId: 'c1', webSocketUrl: cell.url }],
    serverUrl: 'http://127.0.0.1:1/',
    activatedAt: 1,
  });
  writeFileSync(image, randomBytes(1024 * 1024));
});
afterAll(async () => {
  await agent?.kill('SIGTERM');
  await cell.close();
});

it('says what to do where no agent runs', async () => {
  expect(await cli('status')).toMatchObject({
    code: 69,
    stderr: expect.stringContaining('holdfast-agent run'),
  });
});

it('runs, answers its CLI alone, and shares its state with nobody', async () => {
  mkdirSync(metricsDir);
  writeFileSync(join(metricsDir, 'cache.prom'), 'gateway_cache_hit_ratio 0.75\n');
  agent = new AgentProcess(state, [
    ...['--check-interval', '1s', '--metrics-port', '0', '--metrics-dir', metricsDir],
  ]);
  await agent.until('agent.started');
  await cell.untilFrame('status');
  expect(statSync(join(state, 'control.sock')).mode & 0o777).toBe(0o600);
  expect(await json('status')).toMatchObject({
    gatewayId: 'g1',
    pid: agent.child.pid,
    connection: { connected: true, cellId: 'c1' },
    volumes: [],
  });
  const second = new AgentProcess(state);
  expect(await second.ended).toBe(82);
});

it('makes, shows, checks and forgets a volume; each change goes up at once', async () => {
  expect(await json('volume', 'create', 'vol1', '--path', image)).toMatchObject({ state: 'healthy' });
  await cell.untilFrame('status', ({ body }) => body.heartbeat.volumes[0]?.state === 'healthy');
  expect(await json('volume', 'list')).toMatchObject([{ volumeId: 'vol1', sizeBytes: 1024 * 1024 }]);
  expect(await cli('volume', 'show', 'vol1')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/state: +healthy[\s\S]*nbd\+unix:\/\/\/vol1\?socket=/),
  });
  writeFileSync(image, '');
  await cell.untilFrame('status', ({ body }) => body.heartbeat.volumes[0]?.failure === 'truncated');
  expect(await cli('volume', 'check', 'vol1')).toMatchObject({
    code: 74,
    stdout: expect.stringContaining('truncated'),
  });
  expect(await cli('volume', 'list')).toMatchObject({ stdout: expect.stringContaining('failed: truncated') });
  await json('volume', 'delete', 'vol1');
  await cell.untilFrame(
    'status',
    ({ body }) => body.heartbeat.seq > 2 && body.heartbeat.volumes.length === 0,
  );
});

it('tells in one line what cannot be done', async () => {
  const link = join(dirname(image), 'link');
  symlinkSync(join(state, 'key.json'), link);
  const refused: [string[], number, string][] = [
    [['volume', 'show', 'none'], 66, 'NOT_FOUND'],
    [['volume', 'create', 'Not Valid', '--path', '/x'], 65, 'INVALID_INPUT'],
    [['volume', 'create', 'v', '--path', '/x', '--size', 'huge'], 64, 'USAGE'],
    [['volume', 'create', 'v'], 64, 'USAGE'],
    [['volume', 'create', 'v', '--path', join(state, 'key.json')], 77, 'FORBIDDEN'],
    [['volume', 'create', 'v', '--path', join(state, 'new.img'), '--size', '1MiB'], 77, 'FORBIDDEN'],
    [['volume', 'create', 'v', '--path', link], 77, 'FORBIDDEN'],
    [['volume', 'create', 'v', '--path', '/etc/hostname'], 65, 'INVALID_INPUT'],
    [['volume', 'explode'], 64, 'USAGE'],
    [['run', '--check-interval', '1ms'], 64, 'USAGE'],
    [['run', '--metrics-port', '99999'], 64, 'USAGE'],
  ];
  for (const [args, code, name] of refused) {
    const run = await cli(...args);
    expect([args, run.code, run.stderr]).toEqual([
      args,
      code,
      expect.stringMatching(`^error: ${name}: .*\n$`),
    ]);
  }
});

it('ends a call that is not one, and goes on', async () => {
  expect(await say('{"method":"status"\n')).toContain('PROTOCOL');
  expect(await say('{"method":"constructor"}\n')).toContain('UNSUPPORTED');
  expect(await say('{"method":"volume.show","params":{"volumeId":7}}\n')).toContain('INVALID_INPUT');
  expect(await say('x'.repeat(controlLineBytesMax + 2))).toBe('');
  expect(await json('status')).toMatchObject({ gatewayId: 'g1' });
});

it('comes back when its connection is cut, and answers commands over the new one', async () => {
  const before = cell.held.length;
  cell.cut();
  await cell.until(() => cell.held.length > before, 'a new connection');
  await cell.until(() => cell.frames('hello').length > before, 'its hello');
  cell.send('cmd', {
    commandId: 'p1',
    attempt: 1,
    kind: 'probe',
    params: { echo: 'x' },
    needsGo: false,
    expiresAt: Date.now() + 60_000,
    timeoutMs: 10_000,
  });
  const result = await cell.untilFrame('cmd.result');
  expect(result.body).toMatchObject({
    commandId: 'p1',
    outcome: { status: 'SUCCEEDED', output: { echo: 'x' } },
  });
  const ack = await cell.untilFrame('cmd.ack');
  expect(ack.body.journalId).toBe(cell.newest.frames.find((frame) => frame.t === 'hello')!.body.journalId);
});

it('offers its metrics on loopback', async () => {
  // They are those of the last heartbeat: the one after the connection that was cut.
  await cell.untilFrame(
    'status',
    ({ body }) => body.heartbeat.metrics['gateway.connection.reconnects'] === 1,
  );
  const { url } = (await agent.until('metrics.served')) as unknown as { url: string };
  const text = await (await fetch(url)).text();
  expect(text).toMatch(/^system_memory_utilization [0-9.]+$/m);
  expect(text).toMatch(/^gateway_connection_reconnects_total 1$/m);
  expect(text).toMatch(/^gateway_cache_hit_ratio 0.75$/m);
  if (missingClients(['promtool']).length > 0) return;
  expect(await runClient('promtool', ['check', 'metrics'], { input: text })).toMatchObject({
    ...{ code: 0, stderr: '' },
  });
});

it('reports what its data path measures, and what it looked at', async () => {
  const { body } = await cell.untilFrame('status');
  expect(body.heartbeat.metrics).toMatchObject({ 'gateway.cache.hit_ratio': 0.75 });
  expect(body.heartbeat.checked).toEqual(expect.arrayContaining(['arrays', 'errors', 'expiries', 'starts']));
  expect(body.heartbeat).not.toHaveProperty('starts');
});

describe('an agent that was torn down', () => {
  const startsFile = join(state, 'starts.json');
  const starts = () =>
    JSON.parse(readFileSync(startsFile, 'utf8')) as Record<string, unknown> & { uncleanBootAt?: number };
  const restarted = async () => {
    const before = cell.frames('status').length;
    agent = new AgentProcess(state);
    await agent.until('agent.started');
    const { body } = await cell.until(() => cell.frames('status')[before], 'a status of the next agent');
    return body.heartbeat;
  };

  it('reports its starts of the last hour', async () => {
    await agent.kill('SIGKILL');
    expect(starts()).toMatchObject({ isRunning: true });
    expect((await restarted()).starts).toEqual({ agent: 2 });
  });

  it('reports that its host went down under it', async () => {
    await agent.kill('SIGKILL');
    writeFileSync(startsFile, JSON.stringify({ ...starts(), hostBootId: 'of the boot before' }));
    const { starts: told, metrics, sentAt } = await restarted();
    expect(told).toMatchObject({ agent: 3 });
    const bootedAt = sentAt - metrics['gateway.host.uptime']!;
    const { uncleanBootAt } = starts();
    expect(Math.abs(uncleanBootAt! - bootedAt)).toBeLessThan(120_000);
    // This host may be up for longer than a day, and a start so long ago is no news.
    const isNews = metrics['gateway.host.uptime']! < 24 * 3_600_000;
    expect(told!.uncleanBootAt).toBe(isNews ? uncleanBootAt : undefined);
  });

  it('was not, where it was stopped before the host started anew', async () => {
    await agent.kill('SIGTERM');
    const { uncleanBootAt: _, ...kept } = starts();
    expect(kept).toMatchObject({ isRunning: false });
    writeFileSync(startsFile, JSON.stringify({ ...kept, hostBootId: 'of the boot before' }));
    expect((await restarted()).starts).toEqual({ agent: 4 });
  });

  it('starts all the same where what it remembers of that is damaged', async () => {
    await agent.kill('SIGTERM');
    writeFileSync(startsFile, '{');
    expect(await restarted()).not.toHaveProperty('starts');
    expect(agent.lines.some(({ event }) => event === 'status.forgotten')).toBe(true);
  });
});
