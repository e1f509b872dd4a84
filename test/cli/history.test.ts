import { historyText } from '../../cli/history-text.ts';
import { asciiBlocks, blocksFor, sparkline, unicodeBlocks } from '../../cli/sparkline.ts';
import {
  historySpanNames,
  historySpans,
  type HistorySpan,
  type HistoryView,
} from '../../core/rollups/history-view.ts';
import { historySignals } from '../../core/rollups/signals.ts';
import { startFakeApi, type FakeApi } from './fake-api.ts';

let api: FakeApi;
beforeAll(async () => void (api = await startFakeApi()));
afterAll(() => api.close());
beforeEach(() => (api.requests = []));

const now = Date.UTC(2026, 10, 29, 16, 47);
const longest = (text: string): number => Math.max(...text.split('\n').map((line) => line.length));

/** With every signal, at values that are as long as they get. */
function history(span: HistorySpan, over: Partial<HistoryView> = {}): HistoryView {
  const { bucketMs, bucketCount } = historySpans[span];
  const largest = { share: 0.9876, ms: 9_876.5, 'bytes/s': 1023.9 * 1024 ** 2 };
  return {
    gatewayId: 'gw-8c09f5cd3c94dda14112',
    span,
    from: now - bucketMs * bucketCount,
    to: now,
    bucketMs,
    counts: Array.from({ length: bucketCount }, () => 5),
    signals: historySignals.map(({ name, unit }) => ({
      name,
      unit,
      buckets: Array.from(
        { length: bucketCount },
        () => [largest[unit], largest[unit], largest[unit]] as const,
      ),
      last: largest[unit],
    })),
    newestAt: now - 42 * 60_000,
    connection: 'disconnected',
    lastSeenAt: now - 40 * 60_000,
    clockSkewMs: 95_000,
    ...over,
  };
}

test.each(historySpanNames)('a %s fits into a terminal of 80 columns, with every signal', (span) => {
  const text = historyText(history(span), { now, blocks: unicodeBlocks });
  expect(longest(text)).toBeLessThanOrEqual(80);
  for (const { name } of historySignals) expect(text).toContain(name);
});

test('says how old it is, that the gateway is away, and whose times these are', () => {
  const text = historyText(history('day'), { now, blocks: unicodeBlocks });
  expect(text).toMatch(/as of +2026-11-29 16:05:00Z, 43m ago; disconnected, last seen 40m ago/);
  expect(text).toMatch(/clock +1m 35s ahead; times are the gateway’s/);
  const here = history('day', { connection: 'connected', clockSkewMs: 900, newestAt: now - 1_000 });
  expect(historyText(here, { now, blocks: unicodeBlocks })).not.toMatch(/clock +|last seen/);
});

test('draws a day by half hours, the mean of what was measured, and leaves gaps where nothing was', () => {
  const of = (values: (number | null)[]) => ({
    counts: values.map((value) => (value === null ? 0 : 5)),
    signals: [
      {
        name: 'system.cpu.utilization',
        unit: 'share' as const,
        buckets: values.map((value) => (value === null ? null : ([value, value, value] as const))),
      },
    ],
  });
  const values = Array.from({ length: 96 }, (_, i) =>
    i < 8 ? null : i < 24 ? 0.1 : i < 26 ? null : i < 94 ? 0.75 : 0.9,
  );
  const text = historyText(history('day', of(values)), { now, blocks: unicodeBlocks });
  expect(text.split('\n').at(-2)).toBe(`${' '.repeat(4)}${'▁'.repeat(8)} ${'▇'.repeat(34)}█`);
  expect(text).toMatch(/^system\.cpu\.utilization +10 % +63 % +90 % +-$/m);
  const nothing = historyText(history('day', of(values.map(() => null))), { now, blocks: unicodeBlocks });
  expect(nothing.split('\n').at(-2)).toBe('(nothing)');
  const none = historyText(history('day', { signals: [], newestAt: undefined }), {
    now,
    blocks: unicodeBlocks,
  });
  expect(none).toContain('Nothing is known of this time.');
  expect(none).toContain('no data; disconnected');
});

test('a share is drawn from 0 to 100 %, anything else from 0 to its greatest, and below them from when to when', () => {
  const steady = (name: string, unit: 'share' | 'ms', value: number) => ({
    ...{ name, unit, last: value },
    buckets: Array.from({ length: 12 }, () => [value, value, value] as const),
  });
  const signals = [
    steady('busy', 'share', 1),
    steady('half', 'share', 0.5),
    steady('idle', 'share', 0),
    steady('steady', 'ms', 20),
    steady('none', 'ms', 0),
  ];
  const lines = historyText(history('hour', { signals }), { now, blocks: unicodeBlocks }).split('\n');
  const plotOf = (name: string) => lines[lines.findIndex((line) => line.startsWith(`${name} `)) + 1];
  expect(signals.map(({ name }) => plotOf(name)?.[0])).toEqual(['█', '▅', '▁', '█', '▁']);
  expect(plotOf('busy')).toBe('█'.repeat(60));
  expect(lines.at(-1)).toBe(`2026-11-29 15:47Z${' '.repeat(26)}2026-11-29 16:47Z`);
});

test('heights go from 0 up', () => {
  expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7])).toBe('▁▂▃▄▅▆▇█');
  expect(sparkline([0.6, undefined, 0.61])).toBe('█ █');
  expect(sparkline([0, 0])).toBe('▁▁');
  expect(sparkline([])).toBe('');
});

test.each([
  [{}, unicodeBlocks],
  [{ LANG: 'en_US.UTF-8' }, unicodeBlocks],
  [{ LANG: 'C.utf8' }, unicodeBlocks],
  [{ LANG: 'en_US.UTF-8', LC_ALL: 'C' }, asciiBlocks],
  [{ LANG: 'de_DE.ISO-8859-1' }, asciiBlocks],
])('a terminal with %j gets what it can show', (env, blocks) => {
  expect(blocksFor(env)).toBe(blocks);
});

test('the command asks for what it is told to, as JSON too, and paints nothing', async () => {
  const shown = history('month');
  api.answer = { status: 200, body: { history: shown } };
  const argv = ['gateways', 'history', 'gw-1', '--span', 'month', ...api.asTenant()];
  const signals = ['--signal', 'system.cpu.utilization', '--signal', 'gateway.connection.rtt'];
  const { code, out, err } = await api.run([...argv, ...signals, '--json']);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(JSON.parse(out)).toEqual({ history: shown });
  expect(api.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
    'GET /v1/gateways/gw-1/history?span=month&signal=system.cpu.utilization%2Cgateway.connection.rtt',
  ]);
  const text = await api.run(argv, { now: () => now, isTerminal: true });
  expect(text.out).not.toContain('\u001b');
  expect(longest(text.out)).toBeLessThanOrEqual(80);
});

test('of a gateway that is connected the last hour is asked for once more, when it has reported', async () => {
  const shown = history('hour', { connection: 'connected' });
  api.answer = { status: 200, body: { history: shown, isReached: false, everyMs: 2_000, forMs: 60_000 } };
  const { code } = await api.run(['gateways', 'history', 'gw-1', ...api.asTenant()]);
  expect(code).toBe(0);
  expect(api.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
    'GET /v1/gateways/gw-1/history?span=hour',
    'POST /v1/gateways/gw-1/watch',
  ]);
});

test('an unknown span is told with those there are', async () => {
  const { code, err } = await api.run(['gateways', 'history', 'gw-1', '--span', 'year', ...api.asTenant()]);
  expect({ code, err }).toMatchObject({
    code: 64,
    err: expect.stringContaining('--span "year" is none of hour, day, month') as string,
  });
  expect(api.requests).toEqual([]);
});

test('an unknown signal is told with what it may have been', async () => {
  const argv = ['gateways', 'history', 'gw-1', '--signal', 'cpu', ...api.asTenant()];
  expect(await api.run(argv)).toMatchObject({
    code: 64,
    err: expect.stringContaining(
      '--signal "cpu" is unknown — did you mean system.cpu.utilization or gateway.cpu.iowait?',
    ),
  });
  expect(api.requests).toEqual([]);
});
