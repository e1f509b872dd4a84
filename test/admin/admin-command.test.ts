import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { addAdminCommands } from '../../admin/admin-command.ts';
import { CaseBook } from '../../admin/case-book.ts';
import { startSqs, type TestSqs } from '../support/sqs.ts';
import { someCase } from './admin-run.ts';
import { alertKey, alertView, ControlPlane, gatewayView } from './admin-world.ts';

const shipped = 'admin/playbooks/default.yaml';
let sqs: TestSqs;
let dir: string;
beforeAll(async () => {
  [sqs, dir] = await Promise.all([startSqs(), mkdtemp(join(tmpdir(), 'holdfast-admin-command-'))]);
});
afterAll(async () => {
  await sqs.close();
  await rm(dir, { recursive: true });
});

const lines: string[] = [];
let cloud = new ControlPlane();

async function holdfast(...argv: string[]): Promise<string[]> {
  lines.length = 0;
  const program = new Command('holdfast').exitOverride();
  // The commands close the client that they are given; the test's own stays open.
  const client = Object.assign(Object.create(sqs.client) as typeof sqs.client, { destroy: () => undefined });
  addAdminCommands(program.command('admin'), {
    connect: () => ({ api: cloud.api, sqs: client, sqsEndpoint: sqs.endpoint }),
    stdout: (line) => lines.push(line),
    now: Date.now,
    columns: () => 80,
    isTerminal: false,
    lock: async () => ({ release: async () => undefined }),
    stopSignal: () => AbortSignal.abort(),
    setExitCode: () => undefined,
  });
  await program.parseAsync(['admin', ...argv], { from: 'user' });
  return lines;
}

test('subscribe makes the tenant’s queue once and names the subscription after it', async () => {
  for (const name of ['holdfast-alerts-main', 'holdfast-alerts-main', 'holdfast-alerts-acme_main']) {
    const [line = ''] = await holdfast('subscribe', '--queue-name', name, '--json');
    const answer = JSON.parse(line) as { subscriptionId: string; queueUrl: string };
    expect(answer.subscriptionId).toBe('main');
    expect(new URL(answer.queueUrl).origin).toBe(sqs.endpoint);
    expect(answer.queueUrl).toMatch(/\/holdfast-alerts-acme_main$/);
    expect(await sqs.count(answer.queueUrl)).toBe(0);
  }
});

test('subscribe says what confirms the queue, or answers its alerts, in lines that fit', async () => {
  const fits = (text: string) =>
    text.split('\n').every((line) => line.length <= 80 || /\S{64,}( \\)?$/.test(line));
  const asked = ['subscribe', '--queue-name', 'holdfast-alerts-main'];
  const [text = ''] = await holdfast(...asked);
  expect(text).toMatch(
    /^subscription main: pending\nqueue: \S+_main\nto confirm it, and answer its alerts:\n {2}npx holdfast admin run/,
  );
  expect(text.replaceAll(/ \\\n +/g, ' ')).toMatch(/admin run --queue \S+_main --playbook FILE$/);
  expect(fits(text)).toBe(true);
});

test('subscribe leaves the filter of a subscription that is there as it is', async () => {
  const filter = { severities: ['critical' as const] };
  const known = { tenantId: 'acme', subscriptionId: 'main', kind: 'sqs' as const, queueUrl: 'https://old' };
  cloud.subscriptions = [{ ...known, state: 'confirmed', createdAt: 0, filter }];
  const [line = ''] = await holdfast('subscribe', '--queue-name', 'holdfast-alerts-main', '--json');
  cloud.subscriptions = [];
  expect(JSON.parse(line)).toMatchObject({ filter });
});

test.each(['main', 'holdfast-alerts-', 'holdfast-alerts-A b', 'x'.repeat(200)])(
  'subscribe refuses the queue name %s',
  async (name) => {
    await expect(holdfast('subscribe', '--queue-name', name)).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    });
  },
);

test('run refuses what is no form of log and a playbook that is not there', async () => {
  const run = ['run', '--queue', 'http://127.0.0.1/q', '--playbook'];
  await expect(holdfast(...run, '/none.json')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(holdfast(...run, '/dev/zero')).rejects.toMatchObject({ code: 'CONFIG' });
  await expect(holdfast(...run, shipped, '--json')).rejects.toMatchObject({ code: 'USAGE' });
  await expect(holdfast('run', '--playbook', shipped)).rejects.toMatchObject({ code: 'USAGE' });
  await expect(holdfast(...run, 'x', '--log', 'loud')).rejects.toMatchObject({ code: 'USAGE' });
});

describe('check', () => {
  test('finds the playbook that comes with Holdfast sound, and nothing left unsaid', async () => {
    const [text = ''] = await holdfast('check', shipped);
    expect(text).toMatch(
      /^admin\/playbooks\/default\.yaml: sound, \d+ plays, \d+ conditions left to people$/,
    );
    const [json = ''] = await holdfast('check', shipped, '--json');
    expect(JSON.parse(json)).toEqual({ file: shipped, problems: [], unanswered: [] });
  });

  test('tells every fault by file, line and column, and fails', async () => {
    const file = join(dir, 'faulty.yaml');
    await writeFile(
      file,
      'version: 1\nplays:\n  - condition: FsFull\n    command: { kind: rm }\n    tries: 1\n',
    );
    await expect(holdfast('check', file)).rejects.toMatchObject({ code: 'CONFIG' });
    expect(lines.join('\n').split('\n')).toEqual([
      expect.stringMatching(`^${file}:4:22: .*"rm"`),
      expect.stringMatching(`^${file}:5:5: there is no "tries"`),
    ]);
    await expect(holdfast('check', file, '--json')).rejects.toMatchObject({ code: 'CONFIG' });
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ problems: [{ line: 4, column: 22 }, { line: 5 }] });
  });

  test('names the conditions of which nothing is said', async () => {
    const file = join(dir, 'short.yaml');
    await writeFile(file, 'version: 1\nplays: []\nnone: { Offline: nobody home }\n');
    expect((await holdfast('check', file))[0]).toMatch(
      /nothing is said of .*ConnectionFlapping, .*SnapshotOld/,
    );
  });
});

describe('a dry run', () => {
  const dryRun = async (playbook: string, stateDir = join(dir, 'none')) => {
    const flags = ['--playbook', playbook, '--state-dir', stateDir, '--dry-run', '--json'];
    const [line = ''] = await holdfast('run', ...flags);
    return (JSON.parse(line) as { alerts: object[] }).alerts;
  };
  beforeEach(() => {
    cloud.lists = true;
  });
  afterEach(() => {
    expect([cloud.submissions, cloud.escalations]).toEqual([[], []]);
    cloud = new ControlPlane();
  });

  test('says what would be sent, and sends and writes nothing', async () => {
    expect(await dryRun(shipped)).toEqual([
      expect.objectContaining({
        alertKey,
        would: 'send',
        command: { kind: 'restore.start', params: { volumeId: 'vol-1' } },
      }),
    ]);
    await expect(stat(join(dir, 'none'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('says what it would wait for', async () => {
    cloud.gateway = gatewayView({ connection: { state: 'disconnected' } });
    expect(await dryRun(shipped)).toMatchObject([{ would: 'wait', reason: 'the gateway is disconnected' }]);
  });

  test('says why a person has to look, and why nothing would be done', async () => {
    cloud.alert = alertView({ component: 'x y' });
    expect(await dryRun(shipped)).toMatchObject([{ would: 'escalate' }]);
    cloud.alert = alertView({ conditionId: 'Offline', component: '' });
    expect(await dryRun(shipped)).toMatchObject([
      { would: 'nothing', reason: 'no command reaches a gateway that has no connection' },
    ]);
  });

  test('knows what the process has done so far', async () => {
    const stateDir = join(dir, 'state');
    await (await CaseBook.open(stateDir)).put({ ...someCase, phase: 'escalated', reason: 'twice in vain' });
    expect(await dryRun(shipped, stateDir)).toMatchObject([
      { would: 'nothing', reason: 'it gave up: twice in vain' },
    ]);
  });

  test.each([
    ['has to follow its command', undefined, { would: 'follow', command: { commandId: 'c1' } }],
    ['waits for what its command brings', 'SUCCEEDED', { would: 'wait', reason: /a later status/ }],
    ['waits for its cooldown', 'FAILED', { would: 'wait', reason: /the cooldown/ }],
  ] as const)('says of a case under way that it %s', async (_what, outcome, intention) => {
    const now = Date.now();
    const attempt = {
      ...{ number: 1, idempotencyKey: 'k'.repeat(64), kind: 'restore.start' as const, params: {} },
      ...{ commandId: 'c1', decidedAt: now, ...(outcome && { outcome, endedAt: now }) },
    };
    const stateDir = join(dir, `state-${outcome}`);
    await (await CaseBook.open(stateDir)).put({ ...someCase, phase: 'open', tries: [attempt] });
    const [found] = (await dryRun(shipped, stateDir)) as { reason?: string }[];
    const { reason, ...rest } = intention as { reason?: RegExp };
    expect(found).toMatchObject(rest);
    expect(found?.reason ?? '').toMatch(reason ?? /^$/);
  });

  test('is a table for people', async () => {
    const flags = ['--playbook', shipped, '--state-dir', join(dir, 'none'), '--dry-run'];
    const [text = ''] = await holdfast('run', ...flags);
    expect(text.split('\n')).toEqual([
      expect.stringMatching(/^ALERT +WOULD +GATEWAY$/),
      expect.stringMatching(`^${alertKey} +send +gw-1$`),
      expect.stringMatching('VolumeIrrecoverable vol-1: restore.start volumeId=vol-1'),
    ]);
  });
});
