import { startFakeApi, type FakeApi } from './fake-api.ts';

let api: FakeApi;
beforeAll(async () => void (api = await startFakeApi()));
beforeEach(() => {
  api.requests = [];
  api.bodies = {};
  api.answer = { status: 200, body: {} };
});
afterAll(() => api.close());

const idOf = (start: string): string => start.padEnd(32, '0');
const alert = (start: string) => ({
  ...{
    alertKey: idOf(start),
    gatewayId: 'gw-1',
    conditionId: 'FsFull',
    component: '/srv',
    episode: 1,
    audit: [],
  },
  ...{ severity: 'critical', state: 'FIRING', summary: 's' },
});
const sent = () => api.requests.map(({ method, url }) => `${method} ${url}`);
const openAlerts = '/v1/alerts?state=open';

test.each([
  [['show'], 'GET', '', { alert: alert('3f9a1') }],
  [['ack'], 'POST', '/ack', { alert: alert('3f9a1') }],
  [['unack'], 'POST', '/unack', { alert: alert('3f9a1') }],
  [['trail'], 'GET', '/trail', { alert: alert('3f9a1'), entries: [], commands: [] }],
])(
  'an alert is meant by what its key begins with, also on a later page: %j',
  async (verb, method, end, body) => {
    api.bodies[openAlerts] = { alerts: [alert('3f9b')], next: 'n' };
    api.bodies[`${openAlerts}&next=n`] = { alerts: [alert('3f9a1')] };
    api.answer.body = body;
    // As the help writes it, too.
    for (const given of ['3f9a', '3f9a…']) {
      api.requests = [];
      expect(await api.run(['alerts', ...verb, given, ...api.asTenant()])).toMatchObject({
        code: 0,
        err: '',
      });
      expect(sent().at(-1)).toBe(`${method} /v1/alerts/${idOf('3f9a1')}${end}`);
    }
  },
);

test('a key that begins several open alerts is refused with those it may be', async () => {
  api.bodies[openAlerts] = { alerts: [alert('3f9a1'), alert('3f9a2'), alert('aaaa')] };
  const run = await api.run(['alerts', 'ack', '3f9a', ...api.asTenant()]);
  expect(run).toMatchObject({ code: 64, out: '' });
  expect(run.err).toBe(
    'error: USAGE: 2 of the alerts begin with 3f9a — give more characters: ' +
      `${idOf('3f9a1')} (FsFull /srv of gw-1), ${idOf('3f9a2')} (FsFull /srv of gw-1)\n`,
  );
  expect(sent()).toEqual([`GET ${openAlerts}`]);
});

test('an alert that is over is found where no open one begins so', async () => {
  api.bodies[openAlerts] = { alerts: [alert('aaaa')] };
  api.bodies['/v1/alerts?state=all'] = { alerts: [alert('aaaa'), alert('3f9a1')] };
  api.answer.body = { alert: alert('3f9a1') };
  expect(await api.run(['alerts', 'show', '3f9a', ...api.asTenant()])).toMatchObject({ code: 0 });
  const none = await api.run(['alerts', 'show', '3f9b', ...api.asTenant()]);
  expect(none.code).toBe(66);
  expect(none.err).toMatch(
    /there is no alert that begins with 3f9b — `npx holdfast alerts list --all .*` shows/,
  );
});

test('fewer than four characters are too few, and a whole key is looked up nowhere', async () => {
  const short = await api.run(['alerts', 'show', '3f9', ...api.asTenant()]);
  expect(short).toMatchObject({ code: 64, err: expect.stringContaining('3f9 is too short') });
  expect(sent()).toEqual([]);
  api.answer.body = { alert: alert('3f9a1') };
  await api.run(['alerts', 'show', idOf('3f9a1'), ...api.asTenant()]);
  expect(sent()).toEqual([`GET /v1/alerts/${idOf('3f9a1')}`]);
});

test('a command answers the alert whose key begins so', async () => {
  api.bodies[openAlerts] = { alerts: [alert('3f9a1')] };
  api.answer.body = {
    alert: alert('3f9a1'),
    command: { state: 'QUEUED', params: {}, audit: [], submittedBy: {} },
  };
  await api.run(['send', 'gw-1', 'probe', '--alert', '3f9a', '--no-wait', ...api.asTenant()]);
  expect(JSON.parse(api.requests.at(-1)!.body)).toMatchObject({ cause: { alertKey: idOf('3f9a1') } });
});

test.each([
  [['commands', 'show', 'gw-1', '5d1f'], `/v1/gateways/gw-1/commands/${idOf('5d1f')}`],
  [['commands', 'cancel', 'gw-1', '5d1f'], `/v1/gateways/gw-1/commands/${idOf('5d1f')}/cancel`],
  [['gateways', 'diagnose', 'gw-1', '--command', '5d1f'], `/v1/gateways/gw-1/commands/${idOf('5d1f')}`],
  [['bulk', 'show', '5d1f'], `/v1/bulk-sends/${idOf('5d1f')}`],
  [['bulk', 'targets', '5d1f'], `/v1/bulk-sends/${idOf('5d1f')}/targets`],
  [['bulk', 'cancel', '5d1f'], `/v1/bulk-sends/${idOf('5d1f')}/cancel`],
])('so are commands and bulk sends: %j', async (argv, path) => {
  const kind = 'probe';
  api.bodies['/v1/gateways/gw-1/commands'] = {
    commands: [{ commandId: idOf('5d1f'), kind, state: 'QUEUED' }],
  };
  api.bodies['/v1/bulk-sends'] = { bulks: [{ bulkId: idOf('5d1f'), kind, state: 'QUEUED' }] };
  api.answer = { status: 404, body: { error: { code: 'NOT_FOUND', message: 'far enough' } } };
  const run = await api.run([...argv, ...api.asTenant()]);
  expect(run.err).toBe('error: NOT_FOUND: far enough\n');
  expect(api.requests.at(-1)?.url).toBe(path);
});

test('so are patterns, for operators', async () => {
  api.bodies['/operator/v1/patterns?state=open'] = { patterns: [] };
  const asOperator = ['--endpoint', api.endpoint, '--operator-token-file', api.token()];
  const evidence = {};
  api.bodies['/operator/v1/patterns?state=all'] = { patterns: [{ alertKey: idOf('5d1f'), evidence }] };
  api.answer = { status: 404, body: { error: { code: 'NOT_FOUND', message: 'far enough' } } };
  const run = await api.run(['patterns', 'show', '5d1f', ...asOperator]);
  expect(run.err).toBe('error: NOT_FOUND: far enough\n');
  expect(api.requests.at(-1)?.url).toBe(`/operator/v1/patterns/${idOf('5d1f')}`);
});

describe('a gateway', () => {
  const gatewayId = (start: string) => `gw-${start.padEnd(20, '0')}`;
  const gateway = (start: string, name?: string) => ({
    ...{ gatewayId: gatewayId(start), name, tenantId: 'acme', status: 'active' },
    ...{ connection: { state: 'disconnected' }, createdAt: 1 },
  });
  const current = '/v1/gateways?status=current';
  beforeEach(() => {
    api.bodies[current] = { gateways: [gateway('3f9b')], next: 'n' };
    api.bodies[`${current}&next=n`] = { gateways: [gateway('3f9a1', 'Oslo 1')] };
    api.answer = { status: 404, body: { error: { code: 'NOT_FOUND', message: 'far enough' } } };
  });
  const id = gatewayId('3f9a1');

  test.each([
    [['gateways', 'show'], `/v1/gateways/${id}`, []],
    [['gateways', 'history'], `/v1/gateways/${id}/history?span=hour`, []],
    [['gateways', 'revoke'], `/v1/gateways/${id}/revoke`, []],
    [['gateways', 'label'], `/v1/gateways/${id}`, ['site=Oslo']],
    [['audit', '--since', '1s', '--gateway'], `/v1/audit?from=999000&gateway=${id}`, []],
    [['commands', 'list'], `/v1/gateways/${id}/commands`, []],
    [['send'], `/v1/gateways/${id}/commands`, ['probe', '--no-wait']],
    [['alerts', 'silence', '--gateway'], `/v1/gateways/${id}`, ['--for', '1h', '--why', 'w']],
    [['alerts', 'subscribe', 'main', '--gateway'], `/v1/gateways/${id}`, ['--severity', 'critical']],
  ])('is meant by what its id begins with, with `gw-` or without: %j', async (words, path, more) => {
    for (const given of ['gw-3f9a', '3f9a', 'gw-3f9a…']) {
      api.requests = [];
      expect(await api.run([...words, given, ...more, ...api.asTenant()])).toMatchObject({
        code: 66,
        err: 'error: NOT_FOUND: far enough\n',
      });
      expect(api.requests.at(-1)?.url).toBe(path);
    }
  });

  it('that begins as several do is refused with those it may be', async () => {
    api.bodies[current] = { gateways: [gateway('3f9a1', 'Oslo 1'), gateway('3f9a2')] };
    expect(await api.run(['gateways', 'revoke', '3f9a', ...api.asTenant()])).toEqual({
      code: 64,
      out: '',
      err:
        'error: USAGE: 2 of the gateways begin with gw-3f9a — give more characters: ' +
        `${gatewayId('3f9a1')} (Oslo 1), ${gatewayId('3f9a2')} (without a name)\n`,
    });
    expect(sent()).toEqual([`GET ${current}`]);
  });

  it('that is revoked is found where no other begins so', async () => {
    api.bodies['/v1/gateways?status=all'] = { gateways: [gateway('3f9b'), gateway('7777')] };
    await api.run(['gateways', 'show', '7777', ...api.asTenant()]);
    expect(api.requests.at(-1)?.url).toBe(`/v1/gateways/${gatewayId('7777')}`);
  });

  it('whose id is whole, or is too short to be meant, is looked up nowhere', async () => {
    for (const given of [id, 'gw-3f9', 'oslo-1']) {
      api.requests = [];
      await api.run(['gateways', 'show', given, ...api.asTenant()]);
      expect(sent()).toEqual([`GET /v1/gateways/${given}`]);
    }
  });
});
