import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { reportText } from '../../cli/report-text.ts';
import { designReport } from '../../core/design-report/report.ts';
import { rollout } from '../simulation/design-report/rollout.ts';
import { startFakeApi, type FakeApi } from './fake-api.ts';

let api: FakeApi;
beforeAll(async () => void (api = await startFakeApi()));
afterAll(() => api.close());

const truth = { customers: 400, base: 0.004, effect: 3, frailty: 0.7, badHardware: 2 };
const { report, lists } = designReport(rollout({ ...truth, withKernel: true }, 4));
const list = lists.find(({ attribute }) => attribute === 'hardwareModel')!;
const text = reportText({ report, list });

test('a report fits into a terminal', () => {
  expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
});

test('findings come first, then what changes did, then what is too small', () => {
  const small = { ...report, tooSmall: { ...report.tooSmall, values: { kernel: 12 } } };
  const order = ['WORSE THAN THE REST', 'BEFORE AND AFTER', 'TOO SMALL TO TELL'].map((title) =>
    reportText({ report: small }).indexOf(title),
  );
  expect(order).toEqual(order.toSorted((a, b) => a - b));
  expect(order[0]).toBeGreaterThan(0);
  for (const part of [
    /RestartLoop where hardwareModel is Flaky 100/,
    /the rest +[\d.]+ times \(95 %: [\d.]+ to [\d.]+\)/,
    /customers hit +\d+ of \d+; \d+ gateways/,
    /agentVersion 2\.0\.0, before: 1\.9\.0; \d+ gateways of \d+\n? *customers/,
    /changed kernel to 6\.12 on the same day/,
    /RestartLoop +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+ to [\d.]+ +worse/,
    /RestartLoop by hardwareModel/,
  ])
    expect(text).toMatch(part);
});

test('it says so where nothing is worse, and where there is nobody to compare with', () => {
  expect(reportText({ report: { ...report, findings: [], releases: [] } })).toContain('No cohort is worse');
  const [release] = report.releases;
  const alone = { ...report, releases: [{ ...release!, isAgainstOthers: false }] };
  expect(reportText({ report: alone })).toContain('too few others to compare with');
});

const argv = ['fleet', 'report', '--date', '2026-11-28', '--condition', 'DiskFailed', '--by', 'diskModel'];

test('options become the question', async () => {
  const operator = { accessKeyId: 'AKLOCAL', secretAccessKey: 'x' };
  const client = { endpoint: api.endpoint, cells: {}, region: 'eu-north-1', tenantId: 'acme', operator };
  writeFileSync(join(api.dir, 'client.json'), JSON.stringify(client));
  api.answer.body = { report };
  const { code, out } = await api.run(argv, { env: { HOLDFAST_DATA_DIR: api.dir } });
  expect([code, out]).toEqual([0, `${reportText({ report })}\n`]);
  expect(api.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
    'GET /operator/v1/design-report?date=2026-11-28&condition=DiskFailed&by=diskModel',
  ]);
});

test('a tenant’s token does not ask for the fleet', async () => {
  api.requests = [];
  const { code, err } = await api.run([...argv, ...api.asTenant()]);
  expect([code, err]).toEqual([expect.any(Number), expect.stringContaining('FORBIDDEN')]);
  expect(api.requests).toEqual([]);
});
