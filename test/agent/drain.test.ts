import { join } from 'node:path';
import type { ApiClient } from '../../cli/api-client.ts';
import { startLocalCloud, type TestCloud } from '../support/local-cloud.ts';
import { operatorApi } from '../support/operator-api.ts';
import { AgentProcess } from './agent-process.ts';
import { runCli } from './cli-runner.ts';
import { temporaryDirectory } from './temporary-directory.ts';

let cloud: TestCloud;
let api: ApiClient;
let agent: AgentProcess;
let gatewayId: string;

beforeAll(async () => {
  cloud = await startLocalCloud();
  const home = cloud.urls['holdfast-home']!['ApiUrl']!.replace(/\/+$/, '');
  api = operatorApi(cloud);
  const state = join(temporaryDirectory(), 's');
  const { code } = await api.call('createActivationCode', { body: {} });
  const activate = ['activate', '--server', home, '--state-dir', state, '--cell', 'cell-1', '--json'];
  const { stdout } = await runCli(activate, { stdin: code });
  ({ gatewayId } = JSON.parse(stdout) as { gatewayId: string });
  agent = new AgentProcess(state);
}, 120_000);
afterAll(async () => {
  await agent?.kill('SIGTERM');
  await cloud?.stop();
});

it('an agent goes to another cell when its own is emptied, and is never without a connection', async () => {
  await agent.until('link.up', { cellId: 'cell-1' });
  const body = { deadlineMs: 10_000 };
  const answer = await api.operator('/cells/cell-1/drain', {}, { method: 'POST', body });
  expect(answer).toMatchObject({ told: 1 });
  await agent.until('link.up', { cellId: 'cell-2' });
  expect(agent.lines.filter(({ event }) => event === 'link.down')).toEqual([]);
  const { gateway } = await api.call('getGateway', { params: { gatewayId } });
  expect(gateway.connection).toMatchObject({ state: 'connected', cellId: 'cell-2' });
});
