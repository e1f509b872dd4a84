import type { SilenceView } from '../../core/alerts/silences.ts';
import { startFakeApi, type FakeApi } from './fake-api.ts';

let api: FakeApi;
beforeAll(async () => void (api = await startFakeApi()));
beforeEach(() => {
  api.requests = [];
  api.bodies['/v1/alerts?state=open'] = {
    alerts: [
      { gatewayId: 'gw-1', conditionId: 'SnapshotOld', component: 'vol-1' },
      { gatewayId: 'gw-1', conditionId: 'SnapshotOld', component: 'vol-2' },
      { gatewayId: 'gw-2', conditionId: 'SnapshotOld', component: 'vol-1' },
      { gatewayId: 'gw-1', conditionId: 'FsFull', component: '/' },
    ],
  };
});
afterAll(() => api.close());

const silence: SilenceView = {
  tenantId: 'acme',
  silenceId: 'si-3f9a17c2aa01b4d6',
  gatewayId: 'gw-1',
  conditionId: 'SnapshotOld',
  why: 'the bucket moves\u001b[31m to another region, and that takes until the day after tomorrow',
  by: 'tok-1',
  createdAt: 0,
  endsAt: 3_600_000,
};
const openAlerts = ['GET', '/v1/alerts?state=open', ''];
const sent = () => api.requests.map(({ method, url, body }) => [method, url, body && JSON.parse(body)]);

test('a silence says what, why and for how long, and how it is ended', async () => {
  api.answer.body = { silence };
  const named = [
    '--gateway',
    'gw-1',
    '--condition',
    'SnapshotOld',
    '--for',
    '2h',
    '--why',
    'the bucket moves',
  ];
  const made = await api.run(['alerts', 'silence', ...named, ...api.asTenant()]);
  const body = { gatewayId: 'gw-1', conditionId: 'SnapshotOld', why: 'the bucket moves', forMs: 7_200_000 };
  expect(sent()).toEqual([['GET', '/v1/gateways/gw-1', ''], openAlerts, ['POST', '/v1/silences', body]]);
  expect(made.out).toContain('SnapshotOld of gw-1');
  expect(made.out).toContain('fits 2 open alerts now');
  expect(made.out).toContain('npx holdfast alerts unsilence si-3f9a17c2aa01b4d6');
});

test.each([
  [['silence', '--gateway', 'gw-nope', '--for', '2h', '--why', 'w']],
  [['subscribe', 'main', '--queue', 'https://sqs.example.com/1/q', '--gateway', 'gw-nope']],
])('a gateway that the tenant has not is refused before anything is put: %j', async (argv) => {
  const body = { error: { code: 'NOT_FOUND', message: 'there is no gateway gw-nope' } };
  api.answer = { status: 404, body };
  const refused = await api.run(['alerts', ...argv, ...api.asTenant()]);
  api.answer = { status: 200, body: {} };
  expect(refused.err).toContain('NOT_FOUND: there is no gateway gw-nope');
  expect(sent()).toEqual([['GET', '/v1/gateways/gw-nope', '']]);
});

test('of all alerts, and for at most thirty days', async () => {
  api.answer.body = { silence };
  await api.run(['alerts', 'silence', '--all', '--for', '30d', '--why', 'w', ...api.asTenant()]);
  expect(sent()).toEqual([
    openAlerts,
    ['POST', '/v1/silences', { all: true, why: 'w', forMs: 2_592_000_000 }],
  ]);
  const longer = await api.run([
    'alerts',
    'silence',
    '--all',
    '--for',
    '31d',
    '--why',
    'w',
    ...api.asTenant(),
  ]);
  expect(longer).toMatchObject({ code: 64, err: expect.stringContaining('--for is at most 30d') });
});

test.each([[[]], [['--all', '--gateway', 'gw-1']]])(
  'which alerts are meant has to be said: %j',
  async (which) => {
    const flags = [...which, '--for', '2h', '--why', 'w', ...api.asTenant()];
    const refused = await api.run(['alerts', 'silence', ...flags]);
    expect(refused).toMatchObject({ code: 64, err: expect.stringContaining('--gateway, --condition or') });
    expect(sent()).toEqual([]);
  },
);

test('silences are listed with who and why, fit a terminal and do nothing to it', async () => {
  const ended = { ...silence, silenceId: 'si-0000000000000000', endedAt: 1_000, endedBy: 'tok-2' };
  api.answer.body = { silences: [{ ...silence, endsAt: Date.UTC(2100, 0) }, ended] };
  const list = await api.run(['alerts', 'silences', '--all', ...api.asTenant()]);
  expect(sent()).toEqual([['GET', '/v1/silences?state=all', '']]);
  const lines = list.out.split('\n');
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(80);
  expect(lines.filter((line) => line.startsWith('si-')).map((line) => line.split(/\s+/)[1])).toEqual([
    'open',
    'ended',
  ]);
  expect(list.out.replaceAll(/\s+/g, ' ')).toContain('SnapshotOld of gw-1, by tok-1: the bucket moves');
  expect(list.out).not.toContain('\u001b');
  const read = await api.run(['alerts', 'silences', '--json', ...api.asTenant()]);
  expect((JSON.parse(read.out) as { silences: SilenceView[] }).silences).toHaveLength(2);
});

test('is ended by its id', async () => {
  api.answer.body = { silence: { ...silence, endedAt: 1_000, endedBy: 'tok-2' } };
  const over = await api.run(['alerts', 'unsilence', silence.silenceId, ...api.asTenant()]);
  expect(sent()).toEqual([['DELETE', `/v1/silences/${silence.silenceId}`, '']]);
  expect(over.out).toContain('by tok-2');
  expect(over.out).not.toContain('already');
});

test.each([
  [
    { endedAt: 1_000, endedBy: 'tok-2' },
    /^it had ended already, 1970-01-01 00:00:01Z by tok-2; nothing was changed\n/,
  ],
  [{}, /^it had ended already, 1970-01-01 01:00:00Z by itself; nothing was changed\n/],
])('that is over says when it ended and by whom: %j', async (end, text) => {
  api.answer.body = { silence: { ...silence, ...end }, hadEnded: true };
  const over = await api.run(['alerts', 'unsilence', silence.silenceId, ...api.asTenant()]);
  expect(over.code).toBe(0);
  expect(over.out).toMatch(text);
});

test('an alert is shown with what its gateway said of it last, and how long ago', async () => {
  const alert = { alertKey: 'a'.repeat(32), conditionId: 'FsFull', state: 'FIRING', audit: [] };
  api.answer.body = { alert: { ...alert, latest: { value: 0.985, at: 1_000_000 - 150_000 } } };
  const shown = await api.run(['alerts', 'show', alert.alertKey, ...api.asTenant()]);
  expect(shown.out).toMatch(/^latest +98\.5 %, 2m 30s ago$/m);
});

test('an acknowledgement carries its reason, and shows it', async () => {
  const alert = {
    alertKey: 'a'.repeat(32),
    gatewayId: 'gw-1',
    conditionId: 'FsFull',
    state: 'ACKED',
    audit: [],
  };
  api.answer.body = { alert: { ...alert, ackedAt: 1_000, ackedBy: 'ann', ackedWhy: 'disk is on its way' } };
  const acked = await api.run([
    'alerts',
    'ack',
    alert.alertKey,
    '--why',
    'disk is on its way',
    ...api.asTenant(),
  ]);
  const unacked = await api.run(['alerts', 'unack', alert.alertKey, ...api.asTenant()]);
  expect(unacked.out).not.toContain('nobody');
  expect(sent()).toEqual([
    ['POST', `/v1/alerts/${alert.alertKey}/ack`, { why: 'disk is on its way' }],
    ['POST', `/v1/alerts/${alert.alertKey}/unack`, {}],
  ]);
  expect(acked.out).toContain('by ann: disk is on its way');
  api.answer.body = { alert, hadNone: true };
  const none = await api.run(['alerts', 'unack', alert.alertKey, ...api.asTenant()]);
  expect(none.out).toMatch(/^nobody had acknowledged it; nothing was changed\n/);
});

test.each([
  ['disk is here', 'what you say stands in its place'],
  ['disk is on its way', 'nothing was changed'],
])(
  'an alert that is acknowledged already says so, and what became of the reason "%s"',
  async (why, became) => {
    const alertKey = 'a'.repeat(32);
    const alert = { alertKey, gatewayId: 'gw-1', conditionId: 'FsFull', state: 'ACKED', audit: [] };
    const before = { ackedAt: 1_000, ackedBy: 'ann', ackedWhy: 'disk is on its way' };
    api.answer.body = { alert: { ...alert, ...before, ackedWhy: why }, before };
    const { out } = await api.run(['alerts', 'ack', alertKey, '--why', why, ...api.asTenant()]);
    expect(out.replaceAll(/\s+/g, ' ')).toContain(
      `it was acknowledged already, 1970-01-01 00:00:01Z by ann: disk is on its way; ${became}`,
    );
  },
);
