import { startFakeApi, type FakeApi } from './fake-api.ts';

let api: FakeApi;
beforeAll(async () => void (api = await startFakeApi()));
beforeEach(() => {
  api.requests = [];
  api.answer = { status: 200, body: { alerts } };
});
afterAll(() => api.close());

const now = 100 * 60_000;
const alert = (name: string, more: object = {}) => ({
  ...{ alertKey: name.padEnd(32, '0'), tenantId: 'acme', gatewayId: 'gw-1', conditionId: 'FsFull' },
  ...{ component: '/', severity: 'critical', state: 'FIRING', episode: 1, summary: 's', audit: [] },
  ...{ firedAt: now - 30 * 60_000, changedAt: now - 60_000 },
  ...more,
});
const alerts = [
  alert('a'),
  alert('b', { severity: 'warning', gatewayId: 'gw-2' }),
  alert('c', { conditionId: 'VolumeIrrecoverable', component: 'vol-1', clearSince: now - 5 * 60_000 }),
  alert('d', { state: 'RESOLVED', resolvedAt: now - 2 * 60_000, clearSince: undefined }),
];
const listed = async (...flags: string[]) => {
  const run = await api.run(['alerts', 'list', '--all', '--json', ...flags, ...api.asTenant()]);
  const { alerts: found } = JSON.parse(run.out) as { alerts: { alertKey: string }[] };
  return found.map(({ alertKey }) => alertKey[0]).join('');
};

test.each([
  [['--severity', 'warning'], 'b'],
  [['--gateway', 'gw-1'], 'acd'],
  [['--condition', 'FsFull'], 'abd'],
  [['--condition', 'FsFull', '--gateway', 'gw-1', '--severity', 'critical'], 'ad'],
  [['--condition', 'SiteIncident'], ''],
])('a list is narrowed by severity, condition and gateway: %j', async (flags, found) => {
  expect(await listed(...flags)).toBe(found);
});

test('so is that of all tenants, where the beginning of a gateway’s id is enough', async () => {
  const run = await api.runAsOperator(
    'fleet',
    'alerts',
    '--json',
    '--gateway',
    'gw-',
    '--severity',
    'warning',
  );
  expect(JSON.parse(run.out)).toMatchObject({ alerts: [{ gatewayId: 'gw-2' }] });
  api.requests = [];
  const refused = await api.runAsOperator('fleet', 'alerts', '--condition', 'FsFul');
  expect(refused).toMatchObject({ code: 64, out: '', err: expect.stringContaining('FsFull') });
  // Before anything is asked.
  expect(api.requests).toEqual([]);
});

test('what no alert has is refused, and says what is near', async () => {
  for (const [flags, err] of [
    [['--condition', 'FsFul'], /^error: USAGE: --condition "FsFul" is unknown — .*FsFull/],
    [['--severity', 'urgent'], /^error: USAGE: .*critical, warning, info/],
    [['--tenant', ''], /^error: USAGE: --tenant is empty — /],
  ] as const) {
    const run = await api.run([
      'alerts',
      'list',
      ...flags,
      ...(flags[0] === '--tenant' ? ['--endpoint', api.endpoint] : api.asTenant()),
    ]);
    expect(run).toMatchObject({ code: 64, out: '', err: expect.stringMatching(err) });
  }
});

test('what reads well again, and what is over, says since when', async () => {
  const { out } = await api.run(['alerts', 'list', '--all', ...api.asTenant()], { now: () => now });
  expect(out).toContain('FsFull /, 30m ago: s');
  expect(out).toContain('VolumeIrrecoverable vol-1, 30m ago, clear for 5m: s');
  expect(out).toContain('FsFull /, resolved 2m ago: s');
});

test('what reads well again has no answer: it would undo what is well', async () => {
  const suggested = { kind: 'restore.start', params: { volumeId: 'vol-1' } };
  const shown = async (more: object) => {
    api.answer.body = { alert: alert('c', { suggested, ...more }) };
    return (await api.run(['alerts', 'show', 'c'.padEnd(32, '0'), ...api.asTenant()], { now: () => now }))
      .out;
  };
  expect(await shown({})).toContain('restore.start');
  const clear = await shown({ clearSince: now - 60_000 });
  expect(clear).not.toContain('restore.start');
  expect(clear).toMatch(/^clear +since 1970-01-01 01:39:00Z; it resolves once that has lasted/m);
});

test('a webhook that is not confirmed has nothing to filter', async () => {
  const hook = { subscriptionId: 'hook', kind: 'webhook', url: 'https://x.example.com', state: 'pending' };
  api.answer.body = { subscriptions: [hook] };
  const run = await api.run(['alerts', 'subscribe', 'hook', '--severity', 'critical', ...api.asTenant()]);
  expect(run).toMatchObject({ code: 64, out: '' });
  expect(run.err).toMatch(
    /^error: USAGE: hook is not confirmed yet, so it has nothing to filter — confirm it first; /,
  );
});
