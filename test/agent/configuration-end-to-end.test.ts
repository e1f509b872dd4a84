import { randomBytes } from 'node:crypto';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ApiClient } from '../../cli/api-client.ts';
import type { Answers } from '../../core/api.ts';
import type { ConfigurationView } from '../../core/configuration/configuration-view.ts';
import { startLocalCloud, type TestCloud } from '../support/local-cloud.ts';
import { operatorApi } from '../support/operator-api.ts';
import { AgentProcess } from './agent-process.ts';
import { runCli } from './cli-runner.ts';
import { temporaryDirectory } from './temporary-directory.ts';

const volumeBytes = 24 * 1024 * 1024;
let cloud: TestCloud;
let api: ApiClient;
let state: string;
let image: string;
let gatewayId: string;
let agent: AgentProcess;

async function poll<T>(ask: () => Promise<T | undefined | false>, what: string): Promise<T> {
  const end = Date.now() + 30_000;
  while (Date.now() < end) {
    const answer = await ask();
    if (answer) return answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`waited in vain for ${what}`);
}
const put = async (configuration: object): Promise<ConfigurationView> =>
  (await api.call('putConfiguration', { params: { gatewayId }, body: { configuration } })).configuration;
const inSync = (version: number): Promise<ConfigurationView> =>
  poll(async () => {
    const { configuration } = await api.call('getConfiguration', { params: { gatewayId } });
    return configuration.state === 'in-sync' && configuration.desired.version === version && configuration;
  }, `version ${version}`);
const gateway = async (): Promise<Answers['getGateway']['gateway']> =>
  (await api.call('getGateway', { params: { gatewayId } })).gateway;
const onHost = (...args: string[]) => runCli([...args, '--state-dir', state]);
const startAgent = async (): Promise<void> => {
  agent = new AgentProcess(state, ['--check-interval', '1s', '--restore-bandwidth', '1GiB']);
  await agent.until('agent.started');
};

beforeAll(async () => {
  cloud = await startLocalCloud({ context: { heartbeatIntervalMs: 1_000, reconnectWindowMs: 500 } });
  const home = cloud.urls['holdfast-home']!['ApiUrl']!;
  api = operatorApi(cloud);
  state = join(temporaryDirectory(), 's');
  image = join(temporaryDirectory(), 'vol1.img');
  writeFileSync(image, randomBytes(volumeBytes));
  const { code } = await api.call('createActivationCode', { body: {} });
  const { stdout } = await runCli(['activate', '--server', home, '--state-dir', state, '--json'], {
    stdin: code,
  });
  ({ gatewayId } = JSON.parse(stdout) as { gatewayId: string });
}, 120_000);
afterAll(async () => {
  await agent?.kill('SIGTERM');
  await cloud?.stop();
});

it('is learned at the first hello by an agent that it waited for, and is in force at once', async () => {
  await put({ heartbeatIntervalMs: 120_000 });
  await startAgent();
  await inSync(1);
  await agent.until('configuration.applied', { version: 1 });
  await poll(async () => (await gateway()).heartbeat?.intervalMs === 120_000, 'the interval');
  expect((await onHost('status')).stdout).toContain('version 1, status each 2m');
});

it('reaches a connected agent at once: its log level changes while it runs, and back', async () => {
  const debugLines = () => agent.lines.filter(({ level }) => level === 'debug').length;
  await put({ logLevel: 'warn' });
  await inSync(2);
  const before = debugLines();
  const { heartbeat } = await gateway();
  await poll(async () => (await gateway()).heartbeat!.seq > heartbeat!.seq + 1, 'two statuses');
  expect(debugLines()).toBe(before);
  await put({});
  await inSync(3);
  await agent.until('configuration.applied', { version: 3 });
  await poll(async () => debugLines() > before, 'a debug line');
});

it('is still in force after a SIGKILL, without being sent again', async () => {
  await put({ logLevel: 'info' });
  await inSync(4);
  await agent.kill('SIGKILL');
  await startAgent();
  await poll(async () => (await gateway()).connection.state === 'connected', 'the connection');
  await agent.until('link.up');
  await inSync(4);
  expect(agent.lines.filter(({ event }) => event === 'configuration.applied')).toEqual([]);
  expect(agent.lines.filter(({ level }) => level === 'debug')).toEqual([]);
});

it('holds restores to its bandwidth, lets them go when it is taken away, and shows when maintenance is', async () => {
  expect(await onHost('volume', 'create', 'vol1', '--path', image)).toMatchObject({ code: 0 });
  expect(await onHost('volume', 'snapshot', 'vol1')).toMatchObject({ code: 0 });
  const always = { days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], from: '00:00', to: '24:00' };
  const view = await put({ restoreBandwidth: [{ ...always, bytesPerSec: 1024 }], maintenance: [always] });
  expect(view.isMaintenance).toBe(true);
  await inSync(5);
  await agent.until('restore.rescheduled', { bytesPerSec: 1024 });
  // It wraps at the width of the terminal.
  const told = (await onHost('status')).stdout.replace(/\s+/g, ' ');
  expect(told).toContain('restores at 1.0 KiB/s, maintenance now');
  truncateSync(image, 0);
  await agent.until('volume.lost', { volumeId: 'vol1' });
  expect(await onHost('volume', 'restore', 'vol1')).toMatchObject({ code: 0 });
  await poll(async () => (await gateway()).heartbeat?.volumes[0]?.state === 'restoring', 'the restore');
  // A chunk alone would take ten minutes at that rate.
  await put({});
  await agent.until('restore.restored', { volumeId: 'vol1' });
});

it('has an agent report faster for whoever watches', async () => {
  await put({ heartbeatIntervalMs: 540_000 });
  await inSync(7);
  const before = (await gateway()).heartbeat!.seq;
  await api.call('watchGateway', { params: { gatewayId }, body: {} });
  await poll(async () => (await gateway()).heartbeat!.seq > before + 3, 'several statuses');
});
