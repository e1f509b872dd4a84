import { conditionById, conditions } from '../../core/conditions/conditions.ts';
import { conditionView, type ConditionOverride } from '../../core/conditions/settings.ts';
import { conditionLimits as limits, hours } from '../support/fleet.ts';
import { startFakeApi, type FakeApi } from './fake-api.ts';

let api: FakeApi;
beforeAll(async () => void (api = await startFakeApi()));
afterAll(() => api.close());
beforeEach(() => {
  api.requests = [];
});

/** The API as it answers where these are set. */
const answering = (overrides: Record<string, ConditionOverride> = {}) => {
  const views = conditions.map((row) => conditionView(row, overrides[row.id], limits));
  const condition = conditionView(conditionById.get('FsFull')!, overrides['FsFull'], limits);
  api.answer = { status: 200, body: { version: 7, conditions: views, condition } };
};
const run = (...args: string[]) => api.run(['alerts', 'conditions', ...args, ...api.asTenant()]);
const sent = () => JSON.parse(api.requests.at(-1)!.body) as object;

test('lists conditions with what was set otherwise', async () => {
  answering({ MemoryHigh: { raiseAt: 0.98 }, CacheHitLow: { isOff: true } });
  const { code, out } = await run('list');
  expect(code).toBe(0);
  const row = (id: string) =>
    out
      .split('\n')
      .find((line) => line.startsWith(`${id} `))
      ?.replace(/ {2,}/g, '|');
  expect(row('MemoryHigh')).toBe('MemoryHigh|≥ 98 %|≤ 85 %|10m|warning|yes');
  expect(row('CacheHitLow')).toBe('CacheHitLow|≤ 50 %|≥ 60 %|30m|info|off');
  expect(row('SuspectOffline')).toMatch(/\|-\|-$/);
  const { out: json } = await run('list', '--json');
  expect((JSON.parse(json) as { conditions: object[] }).conditions).toHaveLength(conditions.length);
});

test('shows what one means and where its runbook is', async () => {
  answering();
  const { out } = await run('show', 'DiskFailed');
  expect(out).toContain('A disk of the host does not answer any more');
  expect(out).toContain('docs/runbooks.md#diskfailed');
  expect(await run('show', 'Nonsense')).toMatchObject({
    code: expect.any(Number) as number,
    err: expect.stringMatching(/^error: NOT_FOUND: there is no condition Nonsense — /) as string,
  });
  expect((await run('show', 'DiskFaild')).err).toContain('— did you mean DiskFailed?');
});

test('shows how long one waits at least, whatever is set', async () => {
  const wide = { ...limits, reconnectWindowMs: hours / 4 };
  const offline = conditionView(conditionById.get('Offline')!, { forMs: 1_000 }, wide);
  api.answer = { status: 200, body: { version: 1, conditions: [offline] } };
  const { out } = await run('show', 'Offline');
  expect(out.replaceAll(/\s+/g, ' ')).toContain('for 15m; 15m at least, the time in which all gateways');
  answering();
  expect((await run('show', 'FsFull')).out).not.toContain('at least');
});

test.each<[string, string[], ConditionOverride]>([
  ['FsFull', ['--raise-at', '97%', '--clear-at', '0.95'], { raiseAt: 0.97, clearAt: 0.95, severity: 'info' }],
  ['FsFull', ['--for', '30m'], { forMs: hours / 2, severity: 'info' }],
  ['FsFull', ['--off'], { isOff: true, severity: 'info' }],
  ['LinkLatency', ['--raise-at', '900ms', '--clear-at', '1s'], { raiseAt: 900, clearAt: 1000 }],
  ['DiskHot', ['--raise-at', '3'], { raiseAt: 3 }],
  ['CacheHitLow', ['--on', '--severity', 'warning'], { severity: 'warning' }],
  ['CacheHitLow', ['--severity', 'warning'], { severity: 'warning', isOff: true }],
])('sets %s %j over what was read', async (id, flags, override) => {
  answering({ FsFull: { severity: 'info' }, CacheHitLow: { isOff: true } });
  expect(await run('set', id, ...flags)).toMatchObject({ code: 0 });
  expect(api.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
    'GET /v1/conditions',
    `PUT /v1/conditions/${id}`,
  ]);
  expect(sent()).toEqual({ ...override, ifVersion: 7 });
});

test('sets all of it back to the default', async () => {
  answering();
  expect(await run('set', 'FsFull', '--default')).toMatchObject({ code: 0 });
  expect(api.requests.map(({ method, url }) => `${method} ${url}`)).toEqual(['DELETE /v1/conditions/FsFull']);
});

test.each([
  ['nothing to set', ['FsFull'], /there is nothing to set — e.g. --raise-at 97%.* or --default alone/],
  ['both', ['FsFull', '--default', '--off'], /--default and what is set otherwise exclude each other/],
  ['on and off', ['FsFull', '--on', '--off'], /--on and --off exclude each other/],
  [
    'a share that is none',
    ['FsFull', '--raise-at', '15m'],
    /--raise-at "15m" is no value of FsFull — write it like 95%/,
  ],
  [
    'a time that is none',
    ['LinkLatency', '--raise-at', '9'],
    /--raise-at "9" is no value of LinkLatency — write it like 500ms/,
  ],
  ['a threshold of what has none', ['DiskFailed', '--raise-at', '1'], /it has --for, --severity and --off/],
  [
    'a number that is none',
    ['DiskHot', '--raise-at', '70ms'],
    /--raise-at "70ms" is no value of DiskHot — write degrees/,
  ],
  ['a severity that is none', ['FsFull', '--severity', 'bad'], /--severity "bad" is none — one of critical/],
])('refuses %s before anything is changed', async (_, args, words) => {
  answering();
  const { code, err } = await run('set', ...args);
  expect([code, err]).toEqual([64, expect.stringMatching(words)]);
  expect(api.requests.filter(({ method }) => method !== 'GET')).toEqual([]);
});
