import { bucketsOf } from '../../core/rollups/rollup.ts';
import { startFakeApi, type FakeApi } from '../cli/fake-api.ts';
import { startDynamo, type TestDynamo } from '../support/dynamo.ts';
import { hours, minutes } from '../support/fleet.ts';
import { HistorySite, memory } from './history-site.ts';

/** From what the agent measures to what people see of it, over every part in between. */
const t0 = Date.UTC(2026, 10, 29, 10);
let dynamo: TestDynamo;
let cli: FakeApi;
beforeAll(async () => {
  dynamo = await startDynamo();
  cli = await startFakeApi();
});
afterAll(async () => {
  await cli.close();
  await dynamo.close();
});

const sites: HistorySite[] = [];
afterEach(async () => {
  for (const site of sites.splice(0)) await site.kill();
});
async function running(): Promise<HistorySite> {
  const site = await HistorySite.open(dynamo, t0);
  sites.push(site);
  await site.start();
  await site.connect();
  return site;
}
/** Rounds that were measured, by the bucket of the span. */
const gapsOf = ({ counts }: { counts: number[] }, first: number) =>
  counts.slice(first).flatMap((count, i) => (count === 0 ? [first + i] : []));
const startsOf = (site: HistorySite) =>
  site.arrived.flat().map(({ kind, startsAt }) => `${kind} ${(startsAt - t0) / minutes}`);

test('what is measured each minute is drawn by least, mean and greatest value', async () => {
  const site = await running();
  await site.pass(10 * minutes);
  site.memoryShare = 0.9;
  await site.pass(2 * minutes);
  site.memoryShare = 0.2;
  await site.pass(24 * minutes);
  const { signals, counts } = await site.history('hour');
  expect(counts.filter((count) => count >= 5).length).toBeGreaterThanOrEqual(6);
  const all = signals[0]!.buckets.filter((bucket) => bucket !== null);
  expect(Math.max(...all.map(([, , max]) => max))).toBe(0.9);
  expect(
    all.find(([min, mean, max]) => min === 0.2 && max === 0.9 && mean > 0.3 && mean < 0.7),
  ).toBeDefined();
  // A rollup costs no frame of its own, and no answer.
  expect(site.arrived).toHaveLength(1);
  expect(site.heard.every(({ wantsAck }) => !wantsAck)).toBe(true);
});

test('an agent that is killed in the middle of a bucket, and starts again, leaves no gap', async () => {
  const site = await running();
  await site.pass(17 * minutes);
  await site.kill();
  await site.start();
  await site.connect();
  await site.pass(20 * minutes);
  const [rollup] = site.arrived.flat();
  expect(startsOf(site)).toEqual(['half-hour 0']);
  // What was measured at 15 and 16 was in its memory alone.
  expect(bucketsOf(rollup!).map(({ count }) => count)).toEqual([5, 5, 5, 4, 5, 5]);
});

test('a rollup whose connection was lost soon after is sent again, and changes nothing', async () => {
  const site = await running();
  while (site.arrived.length === 0) await site.pass(minutes);
  const before = await site.history('day');
  await site.cut();
  await site.connect();
  expect(startsOf(site)).toEqual(['half-hour 0', 'half-hour 0']);
  const after = await site.history('day');
  expect(after.signals).toEqual(before.signals);
  await site.pass(20 * minutes);
  expect(startsOf(site)).toHaveLength(2); // and not once more
});

test('an outage of hours is in the history afterwards, with a restart in the middle of it', async () => {
  const site = await running();
  await site.pass(40 * minutes);
  await site.cut();
  site.memoryShare = 0.8;
  await site.pass(3 * hours);
  await site.kill();
  await site.start();
  await site.pass(3 * hours);
  const during = await site.history('day');
  expect(gapsOf(during, 57).length).toBeGreaterThan(20);
  await site.connect();
  await site.pass(minutes);
  const after = await site.history('day');
  const first = after.counts.findIndex((count) => count > 0);
  // The half hour of now is with the gateway; the status that has just come stands for its bucket.
  const unknown = gapsOf(after, first);
  expect(unknown.filter((i) => i < after.counts.length - 3)).toEqual([]);
  expect(after.signals[0]!.buckets.slice(-8, -4).every((bucket) => bucket?.[1] === 0.8)).toBe(true);
});

test('what is with the gateway alone is there once somebody looks', async () => {
  const site = await running();
  await site.pass(43 * minutes);
  const stored = await site.history('hour');
  await site.watch();
  await site.pass(2_000);
  const watched = await site.history('hour');
  const whole = (counts: number[]) => counts.filter((count) => count >= 5).length;
  expect(whole(watched.counts)).toBe(whole(stored.counts) + 2);
});

test('a gateway that is down is drawn as far as it is known, and the command line says how old that is', async () => {
  const site = await running();
  await site.pass(65 * minutes);
  await site.kill();
  await site.pass(40 * minutes);
  const history = await site.history('hour');
  expect(history.connection).toBe('disconnected');
  cli.answer = { status: 200, body: { history } };
  const argv = ['gateways', 'history', 'gw-1', '--signal', memory, ...cli.asTenant()];
  const { code, out } = await cli.run(argv, { now: () => site.now });
  expect(code).toBe(0);
  expect(out).toMatch(/40m ago; disconnected, last seen 4\dm ago/);
  expect(out).toMatch(/^system\.memory\.utilization +50 % +50 % +50 % +50 %$/m);
  const plot = out.trimEnd().split('\n').at(-2)!;
  expect(plot).toMatch(/^▅+ *▅*$/);
  expect(plot.length).toBeLessThan(30); // the rest is not known
});

test('another tenant’s gateway has no history', async () => {
  const site = await running();
  await site.pass(35 * minutes);
  await expect(site.history('hour', { tenantId: 'other' })).rejects.toMatchObject({
    code: 'NOT_FOUND',
    message: 'there is no gateway gw-1',
  });
});

test.each([
  ['a span that there is not', { span: 'year' }, 'span "year" is none of hour, day, month'],
  ['a signal that nobody keeps', { signal: 'tea' }, 'no history is kept of a signal "tea"'],
])('is refused for %s, with what there is', async (_, query, message) => {
  const site = await running();
  const { span = 'hour', signal } = query as { span?: string; signal?: string };
  await expect(site.history(span as 'hour', signal === undefined ? {} : { signal })).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    message,
  });
});
