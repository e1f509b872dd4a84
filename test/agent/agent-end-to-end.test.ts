import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ApiClient } from '../../cli/api-client.ts';
import { NbdClient } from '../../cli/demo/nbd-client.ts';
import type { Answers } from '../../core/api.ts';
import type { CommandKind } from '../../core/command-kinds.ts';
import { startLocalCloud, type TestCloud } from '../support/local-cloud.ts';
import { operatorApi } from '../support/operator-api.ts';
import { AgentProcess } from './agent-process.ts';
import { runCli } from './cli-runner.ts';
import { temporaryDirectory } from './temporary-directory.ts';

type Command = Answers['getCommand']['command'];

const finals = ['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'CANCELED', 'REJECTED', 'EXPIRED', 'INDETERMINATE'];
const volumeBytes = 24 * 1024 * 1024;
let cloud: TestCloud;
let api: ApiClient;
let home: string;
let state: string;
let image: string;
let gatewayId: string;
let agent: AgentProcess;

/** Asks until the answer is there: what happens on the other side of the control plane has no event here. */
async function poll<T>(
  ask: () => Promise<T | undefined | false>,
  what: string,
  limitMs = 30_000,
): Promise<T> {
  const end = Date.now() + limitMs;
  while (Date.now() < end) {
    const answer = await ask();
    if (answer) return answer;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`waited in vain for ${what}`);
}
async function submit(kind: CommandKind, params = {}, viaCell?: string): Promise<string> {
  const body = { kind, params };
  const { command } = await api.call('submitCommand', { params: { gatewayId }, body, viaCell });
  return command.commandId;
}
const ended = (commandId: string): Promise<Command> =>
  poll(async () => {
    const { command } = await api.call('getCommand', { params: { gatewayId, commandId } });
    return finals.includes(command.state) && command;
  }, `the end of ${commandId}`);
const send = async (kind: CommandKind, params = {}, viaCell?: string): Promise<Command> =>
  ended(await submit(kind, params, viaCell));
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const startAgent = async (): Promise<AgentProcess> => {
  agent = new AgentProcess(state, ['--check-interval', '1s']);
  await agent.until('agent.started');
  return agent;
};

async function overwriteVolume(): Promise<void> {
  const { stdout } = await runCli(['volume', 'show', 'vol1', '--state-dir', state, '--json']);
  const { nbdSocket } = JSON.parse(stdout) as { nbdSocket: string };
  const nbd = await NbdClient.open(nbdSocket, 'vol1');
  const stepBytes = 1024 * 1024;
  for (let at = 0; at < volumeBytes; at += stepBytes) await nbd.write(at, randomBytes(stepBytes));
  await nbd.flush();
  nbd.close();
}

beforeAll(async () => {
  cloud = await startLocalCloud({ context: { heartbeatIntervalMs: 1_000, reconnectWindowMs: 500 } });
  home = cloud.urls['holdfast-home']!['ApiUrl']!;
  api = operatorApi(cloud);
  const directory = temporaryDirectory();
  state = join(directory, 's');
  image = join(directory, 'vol1.img');
  writeFileSync(image, randomBytes(volumeBytes));
}, 120_000);
afterAll(async () => {
  await agent?.kill('SIGTERM');
  await cloud?.stop();
});

it('keeps snapshots that need no agent below a prefix of their own', async () => {
  const { accessKeyId, secretAccessKey } = cloud.storageCredentials;
  const env = {
    AWS_ENDPOINT_URL_S3: cloud.endpoints['holdfast-home']!,
    AWS_REGION: cloud.region,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  };
  const bucket = `s3://${cloud.urls['holdfast-home']!['SnapshotBucketName']}`;
  const create = (prefix: string) =>
    runCli(['snapshot', 'create', image, '--to', `${bucket}/${prefix}`], { env });
  expect(await create('standalone')).toMatchObject({ code: 0, stderr: '' });
  expect(await runCli(['snapshot', 'list', `${bucket}/standalone`], { env })).toMatchObject({ code: 0 });
  expect((await create('acme')).stderr).toContain('FORBIDDEN');
  expect((await runCli(['snapshot', 'list', `${bucket}/acme`], { env })).stderr).toContain('FORBIDDEN');
});

it('activates with a code that works once', async () => {
  const { code } = await api.call('createActivationCode', { body: { gatewayName: 'Cellar' } });
  const activate = (stateDir: string) =>
    runCli(['activate', '--server', home, '--state-dir', stateDir, '--cell', 'cell-2', '--json'], {
      stdin: code,
    });
  const first = await activate(state);
  expect(first).toMatchObject({ code: 0, stderr: '' });
  ({ gatewayId } = JSON.parse(first.stdout) as { gatewayId: string });
  expect(await activate(join(temporaryDirectory(), 'other'))).not.toMatchObject({ code: 0 });
});

it('runs, says hello to the cell that it was told, and its status is stored', async () => {
  await startAgent();
  expect(await agent.until('link.up')).toMatchObject({ cellId: 'cell-2' });
  const gateway = await poll(async () => {
    const { gateway } = await api.call('getGateway', { params: { gatewayId } });
    return gateway.heartbeat && gateway;
  }, 'the status');
  expect(gateway).toMatchObject({ name: 'Cellar', connection: { state: 'connected', cellId: 'cell-2' } });
  expect(gateway.heartbeat!.metrics['system.memory.utilization']).toBeGreaterThan(0);
  const status = await runCli(['status', '--state-dir', state]);
  expect(status).toMatchObject({ code: 0, stdout: expect.stringContaining('to cell cell-2') });
});

it('answers a command that came in through the other cell', async () => {
  expect(await send('probe', { echo: 'hello' }, 'cell-1')).toMatchObject({
    state: 'SUCCEEDED',
    outcome: { output: { echo: 'hello', agentVersion: '0.1.0' } },
  });
});

it('makes a volume, takes its snapshot, loses it and restores it, all by command', async () => {
  const before = sha256(readFileSync(image));
  expect(await send('volume.create', { volumeId: 'vol1', path: image })).toMatchObject({
    state: 'SUCCEEDED',
  });
  const snapshot = await send('snapshot.create', { volumeId: 'vol1' });
  expect(snapshot).toMatchObject({ state: 'SUCCEEDED', outcome: { output: { sizeBytes: volumeBytes } } });
  // With the agent's own session, as its operator would look.
  const { stdout } = await runCli(['volume', 'snapshots', 'vol1', '--json', '--state-dir', state]);
  expect(JSON.parse(stdout)).toMatchObject([{ snapshotId: snapshot.outcome!.output!.snapshotId }]);
  truncateSync(image, 1_000_000);
  await agent.until('volume.lost', { volumeId: 'vol1', reason: 'truncated' });
  await poll(async () => {
    const { gateway } = await api.call('getGateway', { params: { gatewayId } });
    return gateway.heartbeat?.volumes.some(({ failure }) => failure === 'truncated');
  }, 'the status that shows the loss');
  expect(await send('restore.start', { volumeId: 'vol1' })).toMatchObject({
    state: 'SUCCEEDED',
    outcome: { output: { snapshotId: snapshot.outcome!.output!.snapshotId } },
  });
  await agent.until('restore.restored', { volumeId: 'vol1' });
  expect(sha256(readFileSync(image))).toBe(before);
  const onHost = (...args: string[]) => runCli(['volume', 'verify', 'vol1', '--state-dir', state, ...args]);
  expect(await onHost()).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(
      /^vol1: of (\d+) blocks \1 as in \S+, 0 changed since, 0 damaged\n$/,
    ) as string,
  });
  const lines = (await onHost('--json')).stdout.trimEnd().split('\n');
  expect(JSON.parse(lines.at(-1)!)).toMatchObject({ event: 'verified', changedBlocks: 0, damagedBlocks: 0 });
});

it('takes a healthy volume back to its snapshot only when it is told so', async () => {
  const before = sha256(readFileSync(image));
  await overwriteVolume();
  expect(await send('restore.start', { volumeId: 'vol1' })).toMatchObject({
    state: 'FAILED',
    outcome: { error: { code: 'CONFLICT', hint: expect.stringContaining('-p replace=true') as string } },
  });
  const onHost = (...args: string[]) => runCli(['volume', 'restore', 'vol1', '--state-dir', state, ...args]);
  expect((await onHost()).stderr).toContain('--replace');
  expect(sha256(readFileSync(image))).not.toBe(before);
  expect(await onHost('--replace', '--wait')).toMatchObject({ code: 0 });
  expect(sha256(readFileSync(image))).toBe(before);
  await overwriteVolume();
  const again = await send('restore.start', { volumeId: 'vol1', replace: true });
  expect(again).toMatchObject({ state: 'SUCCEEDED' });
  expect((await runCli(['volume', 'verify', 'vol1', '--state-dir', state])).code).toBe(0);
});

it('says what is wrong with a command that cannot be done', async () => {
  expect(await send('volume.check', { volumeId: 'none' })).toMatchObject({
    state: 'FAILED',
    outcome: { error: { code: 'NOT_FOUND' } },
  });
  expect(await send('restore.start', { volumeId: 'vol1', snapshotId: 'no-such-snapshot' })).toMatchObject({
    state: 'FAILED',
  });
});

it('restarts by command and tells so itself', async () => {
  const { pid } = agent.child;
  expect(await send('service.restart')).toMatchObject({ state: 'SUCCEEDED' });
  expect(agent.child.pid).toBe(pid);
  expect(agent.lines.filter(({ event }) => event === 'agent.started')).toHaveLength(2);
});

it('leaves a snapshot during which it was killed INDETERMINATE, and takes the next', async () => {
  // Through the volume's own server: a file that changes behind the agent's back is a lost volume.
  await overwriteVolume();
  const commandId = await submit('snapshot.create', { volumeId: 'vol1' });
  await agent.until('command.started', { commandId });
  await agent.kill('SIGKILL');
  await startAgent();
  const command = await ended(commandId);
  expect(command).toMatchObject({ state: 'INDETERMINATE' });
  expect(await send('snapshot.create', { volumeId: 'vol1' })).toMatchObject({ state: 'SUCCEEDED' });
});

it('takes a command that was sent while it was away, and goes on with a restore that it was killed in', async () => {
  const before = sha256(readFileSync(image));
  truncateSync(image, 0);
  await agent.until('volume.lost', { volumeId: 'vol1' });
  const onHost = (step: string) => runCli(['volume', step, 'vol1', '--state-dir', state]);
  const check = await onHost('check');
  expect(check.code).not.toBe(0);
  expect(check.stderr).toContain('volume restore vol1');
  const slow = { volumeId: 'vol1', bandwidthBytesPerSec: 8_000_000 };
  expect(await send('restore.start', slow)).toMatchObject({ state: 'SUCCEEDED' });
  const paused = await onHost('pause');
  expect(paused).toMatchObject({ code: 0, stdout: expect.stringMatching(/paused \d+ %\)/) });
  expect((await onHost('restore')).stderr).toContain('volume resume vol1');
  expect(await onHost('resume')).toMatchObject({ code: 0, stdout: expect.stringContaining('restoring') });
  await agent.kill('SIGKILL');
  const whileAway = await submit('probe', { echo: 'later' });
  await startAgent();
  expect(await ended(whileAway)).toMatchObject({ state: 'SUCCEEDED' });
  await agent.until('restore.restored', { volumeId: 'vol1' });
  expect(sha256(readFileSync(image))).toBe(before);
});

it('stops in order at SIGTERM and is shown as away', async () => {
  expect(await agent.kill('SIGTERM')).toBe(0);
  await poll(async () => {
    const { gateway } = await api.call('getGateway', { params: { gatewayId } });
    return gateway.connection.state === 'disconnected';
  }, 'the route to be gone');
  expect(agent.lines.filter(({ level }) => level === 'error')).toEqual([]);
  const secrets = JSON.stringify(agent.lines);
  expect(secrets).not.toMatch(/eyJ|secretAccessKey|sessionToken/);
});
