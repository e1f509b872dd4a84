import { breakdownText, patternTable, patternText, pValueText } from '../../cli/pattern-commands.ts';
import { rateOf } from '../../core/patterns/breakdown.ts';
import type { PatternView } from '../../core/patterns/pattern-view.ts';
import { startFakeApi, type FakeApi } from './fake-api.ts';

let api: FakeApi;
beforeAll(async () => void (api = await startFakeApi()));
beforeEach(() => void (api.requests = []));
afterAll(() => api.close());

const longest = (text: string): number => Math.max(...text.split('\n').map((line) => line.length));
const view: PatternView = {
  ...{ alertKey: 'a'.repeat(32), conditionId: 'Pattern', component: 'BlockLatency diskModel=ST4000NM0035' },
  ...{ severity: 'critical', state: 'FIRING', episode: 1, seq: 1, summary: 's', firedAt: 0, changedAt: 0 },
  ...{ evaluatedAt: 0, audit: [] },
  evidence: {
    ...{ conditionId: 'BlockLatency', attribute: 'diskModel', value: 'ST4000NM0035', windowMs: 900_000 },
    ...{ foundAt: 0, hitCustomers: 41, failingGateways: 77, expectedCustomers: 6.2041, logPValue: -2_000 },
    carriers: { customers: 410, gateways: 2_100 },
    outside: { customers: 5_000, gateways: 30_000, hitCustomers: 12, failingGateways: 13 },
    indistinguishable: [{ attribute: 'diskFirmware', value: 'ST4000NM0035 TN04', jaccard: 0.93 }],
    within: { attribute: 'hypervisor', value: 'vmware', indistinguishable: [] },
    gateways: [{ tenantId: 'acme', gatewayId: 'gw-1' }],
  },
  rates: { carriers: rateOf(41, 410), outside: rateOf(12, 5_000) },
};

test('a pattern fits into a terminal and says how sure it is', () => {
  for (const text of [patternTable([view], 65_000), patternText(view)])
    expect(longest(text)).toBeLessThanOrEqual(80);
  const text = patternText(view);
  for (const part of [
    '41 of 410 customers',
    '77 of 2100 gateways',
    '10.0 %',
    '12 of 5000',
    'TN04',
    'vmware',
    'gw-1',
  ])
    expect(text).toContain(part);
  expect(text).toMatch(/95 %: 7\.\d+ % to 13\.\d+ %/);
});

test('the chance of luck is written where no number can hold it', () => {
  expect(pValueText(Math.log(2.5e-7))).toBe('2.5e-7, by luck alone');
  expect(pValueText(-2_000)).toMatch(/^\d\.\de-869, by luck alone$/);
});

test('a breakdown fits, the worst value first', () => {
  const line = {
    value: '6.1.0-28-amd64',
    customers: 410,
    gateways: 2_100,
    failing: { gateways: 77, customers: 41 },
  };
  const lines = [{ ...line, rate: rateOf(41, 410), ratio: 3.217 }];
  const text = breakdownText({ attribute: 'kernel', condition: 'Offline', at: 0, left: 3, lines }, 125_000);
  expect(longest(text)).toBeLessThanOrEqual(80);
  expect(text).toMatch(/^Offline by kernel, as of 2m 5s ago$/m);
  expect(text).toContain('3.2');
  expect(text).toContain('3 more values');
});

test('a breakdown is asked for by what its flags say, and says when nothing is known', async () => {
  api.answer.body = {
    breakdown: { attribute: 'kernel', condition: 'Offline', at: 1_000_000, left: 0, lines: [] },
  };
  const flags = ['--by', 'kernel', '--condition', 'Offline', '--operator-token-file', api.token()];
  const asked = await api.run(['fleet', 'breakdown', ...flags, '--endpoint', api.endpoint]);
  expect(api.requests.map(({ url }) => url)).toEqual(['/operator/v1/breakdown?by=kernel&condition=Offline']);
  expect(asked).toMatchObject({
    code: 0,
    out: 'Offline by kernel, as of 0s ago: no gateway has a known value\n',
  });
});

test.each([
  [['patterns', 'list']],
  [['patterns', 'show', 'a'.repeat(32)]],
  [['fleet', 'breakdown', '--by', 'kernel', '--condition', 'Offline']],
])('a tenant’s token does not ask for the fleet: %j', async (argv) => {
  const { code, err } = await api.run([...argv, ...api.asTenant()]);
  expect([code, err]).toEqual([expect.any(Number), expect.stringContaining('FORBIDDEN')]);
  expect(api.requests).toEqual([]);
});

test.each([
  [
    ['breakdown', '--by', 'kernl', '--condition', 'Offline'],
    '--by "kernl" is unknown — did you mean kernel?',
  ],
  [['breakdown', '--by', 'kernel', '--condition', 'Ofline'], 'did you mean Offline?'],
  [['report', '--condition', 'DiskFaild'], '--condition "DiskFaild" is unknown — did you mean DiskFailed?'],
  [['report', '--by', 'colour'], '--by "colour" is unknown — it is one of '],
])(
  'a name that is none is told with its flag and what is near, and not sent: fleet %j',
  async (argv, said) => {
    const operator = ['--operator-token-file', api.token(), '--endpoint', api.endpoint];
    const run = await api.run(['fleet', ...argv, ...operator]);
    expect(run).toMatchObject({ code: 64, err: expect.stringContaining(said) });
    expect(api.requests).toEqual([]);
  },
);

test('a gateway that is down is shown as it was, with how old that is', async () => {
  const gateway = {
    ...{ gatewayId: 'gw-1', tenantId: 'acme', status: 'active', createdAt: 0, lastSeenAt: 400_000 },
    connection: { state: 'disconnected', since: 400_000 },
    key: { generation: 1, fingerprint: 'f', since: 0 },
    heartbeat: { agentVersion: '1.2.0', volumes: [], filesystems: [] },
  };
  api.answer.body = { gateway };
  const { out } = await api.run(['gateways', 'show', 'gw-1', ...api.asTenant()]);
  expect(out).toContain('10m ago; what stands here is as of then');
  expect(out).toContain('1.2.0');
});
