import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSqs, type TestSqs } from '../support/sqs.ts';
import { AdminProcess } from './admin-process.ts';
import { ControlPlane, firing, playbookSource } from './admin-world.ts';
import { serveControlPlane, type ControlPlaneServer } from './control-plane-server.ts';

/** The real process with its real clients, killed by SIGKILL while the API waits for its answer. */
let sqs: TestSqs;
let server: ControlPlaneServer;
let dir: string;
const cloud = new ControlPlane();

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-killed-'));
  [sqs, server] = await Promise.all([startSqs(), serveControlPlane(() => cloud)]);
  await writeFile(join(dir, 'playbook.yaml'), JSON.stringify(playbookSource));
  await writeFile(join(dir, 'token'), 'secret-token\n', { mode: 0o600 });
});
afterAll(async () => {
  await server.close();
  await sqs.close();
  await rm(dir, { recursive: true });
});

function start(queueUrl: string): AdminProcess {
  const flags = { queue: queueUrl, endpoint: server.endpoint, log: 'json', 'data-dir': join(dir, 'none') };
  const files = { playbook: 'playbook.yaml', 'token-file': 'token', 'state-dir': 'state' };
  const paths = Object.entries(files).map(([flag, name]) => [flag, join(dir, name)] as const);
  const args = [...Object.entries(flags), ...paths].flatMap(([flag, value]) => [`--${flag}`, value]);
  return new AdminProcess(['run', ...args], {
    AWS_ENDPOINT_URL_SQS: sqs.endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  });
}

/** Kills the process while the first request of this kind waits. */
async function killedAt(queueUrl: string, method: string, path: RegExp): Promise<void> {
  const process = start(queueUrl);
  const reached = new Promise<void>((resolve) => {
    // It is served all the same: the process dies without having heard the answer.
    server.onRequest = async (gotMethod, gotPath) => {
      if (gotMethod !== method || !path.test(gotPath)) return;
      resolve();
      await process.kill('SIGKILL');
      server.onRequest = async () => undefined;
    };
  });
  await reached;
  await process.ended;
}

test('SIGKILL in the middle of a submission and of following it leaves one command', async () => {
  const queueUrl = await sqs.createQueue('holdfast-alerts-killed');
  await sqs.send(queueUrl, firing());
  await killedAt(queueUrl, 'POST', /\/commands$/);
  expect(cloud.commands.size).toBe(1);
  await killedAt(queueUrl, 'GET', /\/commands\/cmd-1$/);
  const last = start(queueUrl);
  await last.until('admin.confirmed');
  void last.kill('SIGTERM');
  await last.until('admin.stopped');
  expect(await last.ended).toBe(0);
  expect(cloud.commands.size).toBe(1);
  expect(new Set(cloud.submissions.map(({ body }) => body.idempotencyKey)).size).toBe(1);
  expect([...server.authorizations]).toEqual(['Bearer secret-token']);
});
