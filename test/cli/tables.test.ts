import { auditTable } from '../../cli/audit-command.ts';
import { alertTable } from '../../cli/alert-commands.ts';
import { gatewayTable } from '../../cli/gateway-commands.ts';
import { typed } from '../../core/typed.ts';
import type { AlertView, AuditView } from '../../core/api.ts';
import type { GatewayView } from '../../core/identity/gateway-view.ts';
import { startFakeApi, type FakeApi } from './fake-api.ts';

/** Lists are read in a terminal of 80 columns: nothing of them is cut, and no line is longer. */
let api: FakeApi;
beforeAll(async () => void (api = await startFakeApi()));
afterAll(() => api.close());

const gatewayId = 'gw-8c09f5cd3c94dda14112';
const summary = 'volume vol-a is lost and must be restored from a snapshot before anybody can use it again';

const longest = (text: string): number => Math.max(...text.split('\n').map((line) => line.length));

test.each([true, false])('alerts keep their whole summary below their line (fleet: %s)', (fleet) => {
  const alert: Partial<AlertView> = {
    alertKey: 'a'.repeat(32),
    tenantId: 'tenant-with-a-long-name',
    severity: 'critical',
    state: 'RESOLVED',
    gatewayId,
    conditionId: 'VolumeIrrecoverable',
    component: 'vol-a',
    firedAt: 0,
    summary,
  };
  const text = alertTable([alert as AlertView], 65_000, fleet);
  expect(longest(text)).toBeLessThanOrEqual(80);
  const below = text
    .split('\n')
    .slice(2)
    .map((line) => line.trim())
    .join(' ');
  const tenant = fleet ? ', tenant tenant-with-a-long-name' : '';
  expect(below).toBe(`VolumeIrrecoverable vol-a, 1m 5s ago${tenant}: ${summary}`);
});

test('an alert that people silence says so where it is listed, shown and followed', async () => {
  const alertKey = 'a'.repeat(32);
  const alert = {
    ...{ alertKey, gatewayId, conditionId: 'VolumeIrrecoverable', component: 'vol-a', audit: [] },
    ...{ severity: 'critical', state: 'FIRING', episode: 1, summary, silencedBy: 'si-3f9a17c2aa01b4d6' },
  };
  const answers: [string[], object, RegExp][] = [
    [['list'], { alerts: [alert] }, /, silenced by si-3f9a17c2aa01b4d6: volume/],
    [['show', alertKey], { alert }, /silenced +by si-3f9a17c2aa01b4d6; `npx holdfast alerts silences/],
    [['ack', alertKey], { alert }, /silenced +by si-3f9a17c2aa01b4d6; `npx holdfast alerts silences/],
    [['trail', alertKey], { alert, entries: [], commands: [] }, /silenced by si-3f9a17c2aa01b4d6; `npx/],
  ];
  for (const [argv, body, said] of answers) {
    api.answer = { status: 200, body };
    const run = await api.run(['alerts', ...argv, ...api.asTenant()]);
    expect(run.out.replaceAll(/\s+/g, ' ')).toMatch(said);
  }
  api.answer = { status: 200, body: { alerts: [{ ...alert, tenantId: 'acme' }] } };
  const fleet = await api.runAsOperator('fleet', 'alerts');
  expect(fleet.out.replaceAll(/\s+/g, ' ')).toMatch(/, silenced by si-3f9a17c2aa01b4d6, tenant acme: volume/);
});

test.each([true, false])('gateways name the volumes that are not healthy (fleet: %s)', (fleet) => {
  const volumes = ['vol-a', 'vol-b'].map((volumeId) => ({ volumeId, state: 'lost' }));
  const gateway = {
    gatewayId,
    tenantId: 'default',
    name: 'Oslo, the one in the second cellar',
    status: 'active',
    createdAt: 0,
    lastSeenAt: 1,
    connection: { state: 'disconnected' },
    heartbeat: { agentVersion: '0.1.0', volumes },
  };
  const found = { gateways: [gateway as unknown as GatewayView], hiddenCount: 0 };
  const text = gatewayTable(found, { now: 599_001, toType: typed, toShowAll: '', withTenant: fleet });
  expect(longest(text)).toBeLessThanOrEqual(80);
  for (const whole of ['9m 59s ago', gateway.name, 'vol-a lost, vol-b lost']) expect(text).toContain(whole);
});

const command = {
  commandId: 'c'.repeat(32),
  gatewayId,
  kind: 'snapshot.create',
  state: 'INDETERMINATE',
  createdAt: 0,
  params: {},
  audit: [],
  submittedBy: { kind: 'tenant', id: 't-1af1ade1eda60c5c' },
  progress: { fraction: 0.859 },
};

test('commands fit, and who submitted one is shown with it', async () => {
  api.answer.body = { commands: [command] };
  const { out } = await api.run(['commands', 'list', gatewayId, ...api.asTenant()]);
  expect(out.split('\n')[1]).toBe(`${command.commandId}  snapshot.create  INDETERMINATE  16m`);
  api.answer.body = { command };
  const shown = await api.run(['commands', 'show', gatewayId, command.commandId, ...api.asTenant()]);
  expect(shown.out).toContain('t-1af1ade1eda60c5c');
});

test.each([
  ['RUNNING', true],
  ['SUCCEEDED', false],
  ['FAILED', false],
])('a command that is %s shows progress: %s', async (state, isShown) => {
  api.answer.body = { command: { ...command, state } };
  const { out } = await api.run(['commands', 'show', gatewayId, command.commandId, ...api.asTenant()]);
  expect(/^progress +85 %$/m.test(out)).toBe(isShown);
});

test('a command that failed is shown with its reason and what to do, within 80 columns', async () => {
  const message = 'no credentials for S3 after 120 s: the cell did not answer any of the questions for them';
  const hint = 'see the log of the cell’s Credentials function, and whether the gateway still is on record';
  const params = {
    volumeId: 'vol1',
    path: '/srv/holdfast/volumes/a volume with a long name.img',
    sizeBytes: 1,
  };
  const audit = [{ at: 0, state: 'QUEUED', note: 'by operator arn:aws:iam::123456789012:user/an.operator' }];
  const outcome = { status: 'FAILED', error: { code: 'UNAVAILABLE', message, hint } };
  api.answer.body = { command: { ...command, state: 'FAILED', params, audit, outcome } };
  const { out } = await api.run(['commands', 'show', gatewayId, command.commandId, ...api.asTenant()]);
  const lines = out.split('\n').filter((line) => !line.includes('arn:'));
  expect(longest(lines.join('\n'))).toBeLessThanOrEqual(80);
  expect(out.replaceAll(/\s+/g, ' ')).toContain(`error: UNAVAILABLE: ${message} ${hint}`);
  expect(out).toContain("'path=/srv/holdfast/volumes/a volume with a");
});

test.each([
  [['send', '--help'], 'volumeId [snapshotId] [bandwidthBytesPerSec] [promisedBytesPerSec]'],
  [['bulk', 'send', '--help'], '--abort-after'],
  [['gateways', 'configure', '--help'], '--set "restore-bandwidth=mon-fri'],
  [['commands', 'kinds'], 'volumeId path [sizeBytes]'],
  [['commands', 'kinds', 'restore.start'], '-p bandwidthBytesPerSec=52428800'],
])('%j fits 80 columns', async (argv, words) => {
  const { code, out } = await api.run(argv);
  expect(longest(out)).toBeLessThanOrEqual(80);
  expect([code, out.replaceAll(/\s+/g, ' ')]).toEqual([0, expect.stringContaining(words)]);
});

test('a kind of command is known without a control plane, for programs too', async () => {
  api.requests = [];
  const one = await api.run(['commands', 'kinds', 'volume.create', '--json']);
  expect(JSON.parse(one.out)).toMatchObject({
    kinds: [
      {
        kind: 'volume.create',
        mayRunTwice: true,
        parameters: [{ name: 'volumeId', isNeeded: true }, {}, {}],
      },
    ],
  });
  expect(await api.run(['commands', 'kinds', 'format.disk'])).toMatchObject({ code: 65 });
  expect(api.requests).toEqual([]);
});

test('tokens say what they are for', async () => {
  const description = 'the admin process in the second cellar of the house in Oslo';
  const token = {
    tokenId: 't-1af1ade1eda60c5c',
    role: 'tenant-admin',
    createdAt: 0,
    expiresAt: 0,
    description,
  };
  api.answer.body = { tokens: [token] };
  const { out } = await api.run(['admin', 'token', 'list', ...api.asTenant()]);
  expect(longest(out)).toBeLessThanOrEqual(80);
  expect(out).toContain(`\n  ${description}\n`);
});

test('what a gateway is set to, and where alerts go, fit', async () => {
  const windows = [
    { days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '08:00', to: '18:00', bytesPerSec: 10_485_760 },
    { days: ['sat', 'sun'], from: '00:00', to: '24:00', bytesPerSec: 52_428_800 },
  ];
  const desired = { version: 3, configuration: { restoreBandwidth: windows }, changedAt: 0 };
  const problems = ['restoreBandwidth: windows that overlap are not allowed, and these two do overlap'];
  api.answer.body = {
    configuration: { gatewayId, state: 'refused', desired, reported: { version: 3, at: 0, problems } },
  };
  const set = await api.run(['gateways', 'configuration', gatewayId, ...api.asTenant()]);
  expect(longest(set.out)).toBeLessThanOrEqual(80);
  expect(set.out.replaceAll(/\s+/g, ' ')).toContain(
    problems[0]!.replace('restoreBandwidth', 'restore-bandwidth'),
  );
  const queueUrl = 'https://sqs.eu-north-1.amazonaws.com/123456789012/holdfast-alerts-main';
  api.answer.body = {
    subscriptions: [
      { subscriptionId: 'the-second-cellar-in-oslo', kind: 'sqs', state: 'pending', queueUrl },
      {
        ...{ subscriptionId: 'hook', kind: 'webhook', url: 'https://ops.example.com/', state: 'confirmed' },
        ...{ failures: 3, failingSince: 0, givenUpAt: 0, filter: { severities: ['critical'] } },
        next: { kind: 'sqs', queueUrl: `${queueUrl}_2`, createdAt: 0, expiresAt: 86_400_000 },
        lastError: {
          at: 0,
          reason: 'the webhook at a-long-name.of-operations.example.com did not answer in time',
        },
      },
    ],
    namePrefix: 'holdfast-alerts-acme',
  };
  const list = await api.run(['admin', 'subscription', 'list', ...api.asTenant()]);
  expect(longest(list.out)).toBeLessThanOrEqual(80);
  expect(list.out).toContain(queueUrl);
  expect(list.out).toContain('hook: another target waits for its challenge until 1970-01-02 00:00:00Z:');
  expect(list.out).toMatch(
    /_2\nwhat its challenge says has alerts go there:\n {2}npx holdfast alerts confirm hook \\?/,
  );
  expect(list.out).toMatch(/hook +webhook +confirmed +failing/);
  expect(list.out).toContain('hook: failing since 1970-01-01 00:00:00Z: the webhook at');
  expect(list.out).toMatch(/hook: given up; to see what:\n {2}npx holdfast alerts dead-letters hook/);
});

test('the audit trail names who, what and where from below each line', () => {
  const entry: AuditView = {
    entryId: 'e',
    tenantId: 'acme',
    gatewayId,
    at: 0,
    action: 'activation-code.create',
    actor: {
      kind: 'operator',
      id: 'arn:aws:iam::123456789012:user/an.operator.with-a-long-name@example.com',
    },
    from: { requestId: 'r', sourceIp: '2001:db8:85a3:8d3:1319:8a2e:370:7348', cellId: 'cell-1' },
    subject: { commandId: 'c'.repeat(32) },
    details: { kind: 'volume.check' },
    outcome: { state: 'REFUSED', code: 'INVALID_INPUT' },
  };
  const text = auditTable([entry]);
  // The name of a person is there to be copied: it stays whole.
  const lines = text.split('\n').filter((line) => !line.includes('arn:'));
  expect(longest(lines.join('\n'))).toBeLessThanOrEqual(80);
  expect(
    text
      .split('\n')
      .slice(2)
      .map((line) => line.trim())
      .join(' '),
  ).toBe(
    `operator ${entry.actor.id} ${gatewayId} ${'c'.repeat(32)} volume.check from ${entry.from?.sourceIp} via cell-1`,
  );
});
