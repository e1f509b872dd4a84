import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, request, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSqs, type TestSqs } from '../support/sqs.ts';
import { AdminProcess } from './admin-process.ts';
import { ControlPlane, firing, playbookSource } from './admin-world.ts';
import { serveControlPlane, type ControlPlaneServer } from './control-plane-server.ts';

/** What only the whole process shows: its exit code, its lock, the way it takes to the network. */
let sqs: TestSqs;
let server: ControlPlaneServer;
let dir: string;
/** Token → the control plane that it asks. */
const clouds = new Map<string, ControlPlane>();

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-process-'));
  [sqs, server] = await Promise.all([startSqs(), serveControlPlane((token) => clouds.get(token)!)]);
  await writeFile(join(dir, 'playbook.yaml'), JSON.stringify(playbookSource));
});
afterAll(async () => {
  await server.close();
  await sqs.close();
  await rm(dir, { recursive: true });
});

async function world(name: string) {
  const cloud = new ControlPlane();
  cloud.looksToEnd = 1;
  clouds.set(name, cloud);
  const stateDir = join(dir, name);
  await mkdir(stateDir);
  await writeFile(join(dir, `${name}.token`), `${name}\n`, { mode: 0o600 });
  const queueUrl = await sqs.createQueue(`holdfast-alerts-${name}`);
  await sqs.send(queueUrl, firing());
  const start = (flags: string[], env: Record<string, string> = {}) =>
    new AdminProcess(
      [
        ...['run', '--log', 'json', '--playbook', join(dir, 'playbook.yaml'), '--state-dir', stateDir],
        ...['--token-file', join(dir, `${name}.token`), '--data-dir', join(dir, 'none'), ...flags],
      ],
      {
        AWS_ENDPOINT_URL_SQS: sqs.endpoint,
        AWS_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: 'test',
        AWS_SECRET_ACCESS_KEY: 'test',
        ...env,
      },
    );
  return { cloud, queueUrl, start };
}

test('once, it ends with 1 where a person has to look, says why, and marks the alert', async () => {
  const { cloud, queueUrl, start } = await world('once');
  cloud.endings = ['FAILED'];
  const process = start(['--once', '--queue', queueUrl, '--endpoint', server.endpoint]);
  expect(await process.ended).toBe(1);
  const reason = 'restore.start did not solve it: FAILED, then FAILED';
  expect(await process.until('admin.escalated')).toMatchObject({ level: 'error', reason });
  expect(cloud.escalations).toMatchObject([{ reason }]);
}, 60_000);

test('a second process with the same state directory is refused', async () => {
  const { cloud, queueUrl, start } = await world('locked');
  cloud.endings = ['RUNNING'];
  const flags = ['--queue', queueUrl, '--endpoint', server.endpoint];
  const first = start(flags);
  await first.until('admin.submitted');
  const second = start(flags);
  expect(await second.ended).toBe(82);
  expect(second.errors).toMatch(/^error: BUSY: another admin process uses the state directory/);
  expect(await first.kill('SIGTERM')).toBe(0);
}, 60_000);

test('behind a proxy it reaches the API and the queue through the proxy alone', async () => {
  const { cloud, queueUrl, start } = await world('proxied');
  const hosts: Record<string, string> = { 'api.test': server.endpoint, 'sqs.test': sqs.endpoint };
  const asked = new Set<string>();
  const proxy = createServer((incoming, response) => {
    const { hostname, pathname, search } = new URL(incoming.url ?? '');
    asked.add(hostname);
    const to = new URL(pathname + search, hosts[hostname]);
    const { method, headers } = incoming;
    const onward = request(to, { method, headers }, (answer: IncomingMessage) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    incoming.pipe(onward);
  });
  // `fetch` asks for a tunnel, also to what is no TLS.
  proxy.on('connect', ({ url = '' }, socket: Socket) => {
    const { hostname } = new URL(`http://${url}`);
    asked.add(hostname);
    const upstream = connect(Number(new URL(hosts[hostname] ?? '').port), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.pipe(socket).pipe(upstream);
    });
    for (const end of [socket, upstream]) end.on('error', () => upstream.destroy());
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const path = new URL(queueUrl).pathname;
  const process = start(['--queue', `http://sqs.test${path}`, '--endpoint', 'http://api.test'], {
    HTTP_PROXY: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    AWS_ENDPOINT_URL_SQS: 'http://sqs.test',
  });
  await process.until('admin.confirmed');
  await process.kill('SIGKILL');
  proxy.closeAllConnections();
  await new Promise((resolve) => proxy.close(resolve));
  expect([...asked].sort()).toEqual(['api.test', 'sqs.test']);
  expect(cloud.commands.size).toBe(1);
}, 60_000);
