import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { once } from 'node:events';
import { startSqs, type TestSqs } from '../support/sqs.ts';
import { ControlPlane, firing, playbook } from './admin-world.ts';

/** The real process with its real clients, killed by SIGKILL while the API waits for its answer. */
let sqs: TestSqs;
let server: Server;
let dir: string;
const cloud = new ControlPlane();
const authorizations = new Set<string | undefined>();
/** Called for each request before it is served; a promise that stays open keeps the request waiting. */
let onRequest: (method: string, path: string) => Promise<void> = async () => undefined;
const children = new Set<ChildProcess>();

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-killed-'));
  sqs = await startSqs();
  server = createServer(async (request, response) => {
    authorizations.add(request.headers.authorization);
    const body = await text(request);
    const [, , what, id = '', , commandId] = (request.url ?? '').split('/');
    const serve = async () => {
      if (what === 'alerts') return { alert: await cloud.api.getAlert(id) };
      if (request.method === 'POST') return { command: await cloud.api.submitCommand(id, JSON.parse(body)) };
      return { command: await cloud.api.getCommand(id, commandId ?? '') };
    };
    await onRequest(request.method ?? '', request.url ?? '');
    response.setHeader('content-type', 'application/json').end(JSON.stringify(await serve()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  await writeFile(join(dir, 'playbook.json'), JSON.stringify(playbook));
  await writeFile(join(dir, 'token'), 'secret-token\n', { mode: 0o600 });
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await sqs.close();
  await rm(dir, { recursive: true });
});

/** Starts the process; `until` resolves with the first line of its log that has the event. */
function start(queueUrl: string): { child: ChildProcess; until: (event: string) => Promise<void> } {
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const args = [
    'bin/holdfast.ts',
    'admin',
    'run',
    '--queue',
    queueUrl,
    '--endpoint',
    endpoint,
    '--log',
    'json',
  ];
  const files = [
    '--playbook',
    'playbook.json',
    '--token-file',
    'token',
    '--state-dir',
    'state',
    '--data-dir',
    'none',
  ];
  const paths = files.map((word) => (word.startsWith('--') ? word : join(dir, word)));
  const child = spawn(process.execPath, [...args, ...paths], {
    env: {
      PATH: process.env['PATH'],
      AWS_ENDPOINT_URL_SQS: sqs.endpoint,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.add(child);
  const seen: string[] = [];
  const wake = new Set<() => void>();
  createInterface({ input: child.stdout! }).on('line', (line) => {
    seen.push(line);
    for (const each of wake) each();
  });
  const until = (event: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => seen.some((line) => line.includes(`"event":"${event}"`)) && resolve();
      wake.add(look);
      look();
      child.once('exit', (code) => reject(new Error(`exit ${code} before ${event}: ${seen.join('\n')}`)));
    });
  return { child, until };
}

/** Kills the process while the first request of this kind waits. */
async function killedAt(queueUrl: string, method: string, path: RegExp): Promise<void> {
  const { child } = start(queueUrl);
  const exited = once(child, 'exit');
  const reached = new Promise<void>((resolve) => {
    // It is served all the same: the process dies without having heard the answer.
    onRequest = async (gotMethod, gotPath) => {
      if (gotMethod !== method || !path.test(gotPath)) return;
      resolve();
      child.kill('SIGKILL');
      await exited;
      onRequest = async () => undefined;
    };
  });
  await reached;
  await exited;
}

test('SIGKILL in the middle of a submission and of following it leaves one command', async () => {
  const queueUrl = await sqs.createQueue('holdfast-alerts-killed');
  await sqs.send(queueUrl, firing());
  await killedAt(queueUrl, 'POST', /\/commands$/);
  expect(cloud.commands.size).toBe(1);
  await killedAt(queueUrl, 'GET', /\/commands\/cmd-1$/);
  const last = start(queueUrl);
  await last.until('admin.confirmed');
  last.child.kill('SIGTERM');
  await last.until('admin.stopped');
  const [code] = (await once(last.child, 'exit')) as [number];
  expect(code).toBe(0);
  expect(cloud.commands.size).toBe(1);
  expect(new Set(cloud.submissions.map(({ body }) => body.idempotencyKey)).size).toBe(1);
  expect([...authorizations]).toEqual(['Bearer secret-token']);
});
