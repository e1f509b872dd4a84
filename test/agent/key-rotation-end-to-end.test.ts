import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keyRotationText } from '../../core/identity/key-rotation.ts';
import { signText } from '../../agent/identity/gateway-key.ts';
import { KeyRing } from '../../agent/identity/key-ring.ts';
import type { ApiClient } from '../../cli/api-client.ts';
import type { CommandView } from '../../core/api.ts';
import { startLocalCloud, type TestCloud } from '../support/local-cloud.ts';
import { operatorApi } from '../support/operator-api.ts';
import { connect, dialToken, TestConnection, type TestGateway } from '../support/test-gateway.ts';
import { AgentProcess } from './agent-process.ts';
import { runCli } from './cli-runner.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/**
 * The real agent and the real cloud. A crash between two steps leaves a state of disk and cloud behind; each of them
 * is made here as a crash would leave it, and the agent is started on it.
 */
interface KeyFile {
  jwk: { x: string };
  generation: number;
  madeAt: number;
  next?: { jwk: { x: string } };
}
let cloud: TestCloud;
let api: ApiClient;
let home: string;
let cells: Record<string, string>;
let state: string;
let gatewayId: string;
let agent: AgentProcess;

const keyPath = () => join(state, 'key.json');
const keyFile = () => JSON.parse(readFileSync(keyPath(), 'utf8')) as KeyFile;
const ring = async () => (await KeyRing.open(keyPath(), 0))!;
const asGateway = (privateKey: KeyObject, keyGeneration: number): TestGateway => ({
  gatewayId,
  tenantId: 'acme',
  privateKey,
  keyGeneration,
  cells,
});
async function run(): Promise<AgentProcess> {
  agent = new AgentProcess(state);
  await agent.until('link.up');
  return agent;
}
async function ended(commandId: string): Promise<CommandView> {
  for (const end = Date.now() + 30_000; Date.now() < end;) {
    const { command } = await api.call('getCommand', { params: { gatewayId, commandId } });
    if (command.endedAt !== undefined) return command;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${commandId} did not end`);
}
async function submit(kind: 'key.rotate' | 'probe'): Promise<string> {
  const answer = await api.call('submitCommand', { params: { gatewayId }, body: { kind } });
  return answer.command.commandId;
}

beforeAll(async () => {
  cloud = await startLocalCloud({ context: { heartbeatIntervalMs: 1_000, reconnectWindowMs: 500 } });
  home = cloud.urls['holdfast-home']!['ApiUrl']!;
  cells = { 'cell-1': cloud.urls['holdfast-cell-1']!['WebSocketUrl']! };
  api = operatorApi(cloud);
}, 120_000);
afterAll(() => cloud?.stop());

beforeEach(async () => {
  state = join(temporaryDirectory(), 's');
  const { code } = await api.call('createActivationCode', { body: {} });
  const run = await runCli(['activate', '--server', home, '--state-dir', state, '--json'], { stdin: code });
  ({ gatewayId } = JSON.parse(run.stdout) as { gatewayId: string });
});
afterEach(() => agent?.kill('SIGTERM'));

it('replaces the key by command without an outage, and keeps the new one alone', async () => {
  await run();
  const first = keyFile();
  const answer = await ended(await submit('key.rotate'));
  expect(answer).toMatchObject({ state: 'SUCCEEDED', outcome: { output: { keyGeneration: 2 } } });
  await agent.until('key.replaced', { keyGeneration: 2 });
  expect(agent.lines.filter(({ event }) => event === 'link.down')).toEqual([]);
  expect(keyFile()).toMatchObject({ generation: 2 });
  expect(keyFile()).not.toHaveProperty('next');
  expect(readFileSync(keyPath(), 'utf8')).not.toContain(first.jwk.x);
  expect(statSync(keyPath()).mode & 0o777).toBe(0o600);
  expect((await runCli(['status', '--state-dir', state])).stdout).toMatch(/^key: +generation 2,/m);
  expect(await ended(await submit('probe'))).toMatchObject({ state: 'SUCCEEDED' });
});

it('replaces a key that has come of age by itself', async () => {
  const stored = keyFile();
  writeFileSync(keyPath(), JSON.stringify({ ...stored, madeAt: stored.madeAt - 28 * 86_400_000 }));
  await run();
  await agent.until('key.replaced', { keyGeneration: 2 });
  expect(keyFile().madeAt).toBeGreaterThanOrEqual(stored.madeAt);
});

it('goes on where it died after the next key was on disk and before it asked', async () => {
  const next = await (await ring()).makeNext(Date.now());
  await run();
  await agent.until('key.replaced', { keyGeneration: 2 });
  expect(keyFile().jwk.x).toBe(next.publicKey);
});

it('goes on where the answer was lost, or where it died before it dialed with the next key', async () => {
  const keys = await ring();
  const next = await keys.makeNext(Date.now());
  const connection = await connect(asGateway(keys.current.privateKey, 1), 'cell-1', 'j');
  const text = keyRotationText(gatewayId, 1, next.publicKey);
  connection.send('key.rotate', {
    generation: 1,
    publicKey: next.publicKey,
    proofOfOld: signText(keys.current, text),
    proofOfNew: signText(next, text),
  });
  await connection.next('key.rotated');
  connection.close();
  await run();
  await agent.until('link.other-key', { key: 'next' });
  await agent.until('key.replaced', { keyGeneration: 2 });
  expect(keyFile().jwk.x).toBe(next.publicKey);
});

it('goes on where it died after the welcome and before the old key was removed', async () => {
  const old = readFileSync(keyPath(), 'utf8');
  await run();
  await ended(await submit('key.rotate'));
  await agent.until('key.replaced');
  await agent.kill('SIGKILL');
  const { jwk, madeAt } = keyFile();
  writeFileSync(keyPath(), JSON.stringify({ ...(JSON.parse(old) as KeyFile), next: { jwk, madeAt } }));
  await run();
  await agent.until('key.replaced', { keyGeneration: 2 });
  expect(keyFile()).toMatchObject({ jwk: { x: jwk.x }, generation: 2 });
});

it('ends a command during which it was killed', async () => {
  await run();
  const commandId = await submit('key.rotate');
  await agent.until('command.started', { commandId });
  await agent.kill('SIGKILL');
  await run();
  expect(await ended(commandId)).toMatchObject({ state: 'SUCCEEDED' });
  await agent.until('key.replaced');
});

it('shuts out whoever still has the old key', async () => {
  const { current } = await ring();
  await run();
  await ended(await submit('key.rotate'));
  const old = asGateway(createPrivateKey(current.privateKey.export({ format: 'pem', type: 'pkcs8' })), 1);
  const dial = await dialToken(old, 'cell-1');
  await expect(TestConnection.open(cells['cell-1']!, dial)).rejects.toThrow(/403/);
});
