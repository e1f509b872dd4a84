import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createApiClient } from '../../cli/api-client.ts';
import { until } from '../../cli/demo/processes.ts';
import { startLocalCloud, type TestCloud } from '../support/local-cloud.ts';
import { AgentProcess } from './agent-process.ts';
import { runCli } from './cli-runner.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/**
 * Two volumes of a real agent that restore at once, steered by its CLI. Nothing is timed: one volume's bytes are the
 * clock by which the other's are judged.
 */
const MiB = 1024 * 1024;
const volumeBytes = 32 * MiB;
const sharedBytesPerSec = 4 * MiB;
const ids = ['a', 'b'] as const;
type Id = (typeof ids)[number];

let cloud: TestCloud;
let agent: AgentProcess;
let state: string;
const images = {} as Record<Id, { path: string; bytes: Buffer }>;

async function volume(...args: string[]): Promise<Record<string, unknown>> {
  const run = await runCli(['volume', ...args, '--state-dir', state, '--json']);
  expect([args, run.code, run.stderr]).toEqual([args, 0, '']);
  return JSON.parse(run.stdout) as Record<string, unknown>;
}
const show = (id: Id) => volume('show', id);
async function restoredBytes(id: Id): Promise<number> {
  const { restore } = (await show(id)) as { restore?: { fraction: number } };
  return (restore?.fraction ?? 1) * volumeBytes;
}
/** Both numbers as soon as the first is at least `bytes`. */
const onceRestored = (id: Id, bytes: number) =>
  until(`${bytes} bytes of ${id}`, 60_000, async () => {
    const restored = { [id]: await restoredBytes(id) } as Record<Id, number>;
    if (restored[id] < bytes) return undefined;
    const other = id === 'a' ? 'b' : 'a';
    return { ...restored, [other]: await restoredBytes(other) };
  });

const wholly = (id: Id) =>
  until(`all of ${id}`, 60_000, async () => (await restoredBytes(id)) === volumeBytes || undefined);

beforeAll(async () => {
  cloud = await startLocalCloud({ cells: ['cell-1'] });
  const endpoint = cloud.urls['holdfast-home']!['ApiUrl']!;
  const { region } = cloud;
  const identity = { kind: 'operator', keys: () => Promise.resolve(cloud.operatorCredentials) } as const;
  const api = createApiClient({ endpoint, cells: {}, region, tenantId: 'acme', identity });
  const directory = temporaryDirectory();
  state = join(directory, 's');
  const { code } = await api.call('createActivationCode', { body: {} });
  await runCli(['activate', '--server', endpoint, '--state-dir', state], { stdin: code });
  agent = new AgentProcess(state, ['--restore-bandwidth', String(sharedBytesPerSec)]);
  await agent.until('link.up');
  for (const id of ids) {
    images[id] = { path: join(directory, `${id}.img`), bytes: randomBytes(volumeBytes) };
    writeFileSync(images[id].path, images[id].bytes);
    await volume('create', id, '--path', images[id].path);
    expect(await runCli(['volume', 'snapshot', id, '--state-dir', state])).toMatchObject({ code: 0 });
  }
}, 120_000);
afterAll(async () => {
  await agent?.kill('SIGTERM');
  await cloud?.stop();
});

it('share the bandwidth of their agent, are paused, limited, resumed and canceled', async () => {
  for (const id of ids) await volume('restore', id, '--replace');
  const begin = { a: await restoredBytes('a'), b: await restoredBytes('b') };
  const shared = await onceRestored('a', 12 * MiB);
  const [ofA, ofB] = ids.map((id) => shared[id] - begin[id]) as [number, number];
  expect(Math.abs(ofA - ofB) / ((ofA + ofB) / 2)).toBeLessThan(0.2);

  expect(await volume('pause', 'a')).toMatchObject({ state: 'paused' });
  const atPause = await restoredBytes('a');
  await onceRestored('b', (await restoredBytes('b')) + 4 * MiB);
  expect(await restoredBytes('a')).toBe(atPause);

  const limitBytesPerSec = MiB / 4;
  await volume('limit', 'a', String(limitBytesPerSec));
  await volume('resume', 'a');
  const resumed = await onceRestored('a', (await restoredBytes('a')) + MiB / 2);
  await wholly('b');
  expect(resumed.b - resumed.a).toBeGreaterThan(4 * MiB);

  await volume('limit', 'a', 'none');
  await wholly('a');
  for (const id of ids) expect(readFileSync(images[id].path).equals(images[id].bytes)).toBe(true);

  await volume('restore', 'a', '--replace', '--bandwidth', String(MiB));
  expect(await volume('cancel', 'a')).toMatchObject({ state: 'canceled' });
  const atCancel = readFileSync(images.a.path);
  await volume('restore', 'b', '--replace');
  await onceRestored('b', 4 * MiB);
  expect(readFileSync(images.a.path).equals(atCancel)).toBe(true);
}, 120_000);
