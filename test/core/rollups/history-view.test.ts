import {
  drawnFrom,
  folded,
  gatewayNow,
  historySpanNames,
  historySpans,
  historyWindow,
  rollupsNeeded,
} from '../../../core/rollups/history-view.ts';
import {
  rollupOf,
  rollupStart,
  type Bucket,
  type Rollup,
  type RollupKind,
} from '../../../core/rollups/rollup.ts';
import { heartbeat, hours, minutes } from '../../support/fleet.ts';

const now = Date.UTC(2026, 10, 29, 16, 47, 12);
const cpu = 'system.cpu.utilization';
const bucket = (count: number, mean = 0.5, min = mean, max = mean): Bucket => ({
  count,
  values: count > 0 ? { [cpu]: [min, mean, max] } : {},
});
const rollup = (kind: RollupKind, at: number, buckets: Bucket[]): Rollup =>
  rollupOf({ kind, startsAt: rollupStart(kind, at) }, buckets);
const pointsOf = (drawn: ReturnType<typeof drawnFrom>) => drawn.signals[0]?.buckets ?? [];

test.each(historySpanNames)('the last %s ends with the bucket of now', (span) => {
  const { from, to } = historyWindow(span, now);
  const { bucketMs, bucketCount } = historySpans[span];
  expect(to - from).toBe(bucketMs * bucketCount);
  expect(to % bucketMs).toBe(0);
  expect(to).toBeGreaterThan(now);
  expect(to - bucketMs).toBeLessThanOrEqual(now);
});

test('the last hour is drawn as it was measured, with its gaps', () => {
  const rollups = [
    rollup(
      'half-hour',
      now - hours,
      [1, 2, 3, 4, 5, 6].map((n) => bucket(5, n / 10)),
    ), // 15:30 to 16:00
    rollup('half-hour', now - 30 * minutes, [bucket(5, 0.7), bucket(0), bucket(2, 0.9, 0.8, 1)]), // from 16:00 on
  ];
  const drawn = drawnFrom('hour', now, { rollups });
  // From 15:50 on.
  expect(drawn.counts).toEqual([5, 5, 5, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
  expect(pointsOf(drawn).slice(0, 5)).toEqual([
    [0.5, 0.5, 0.5],
    [0.6, 0.6, 0.6],
    [0.7, 0.7, 0.7],
    null,
    [0.8, 0.9, 1],
  ]);
  expect(drawn.newestAt).toBe(Date.UTC(2026, 10, 29, 16, 15));
  expect(drawn.signals[0]).toMatchObject({ name: cpu, unit: 'share', last: 0.9 });
});

test('what the last report says stands for its bucket until that is told', () => {
  const last = heartbeat({ sentAt: now - minutes, metrics: { [cpu]: 0.25 } });
  const alone = drawnFrom('hour', now, { rollups: [], last });
  expect(alone.counts).toEqual([...Array.from({ length: 11 }, () => 0), 1]);
  expect(alone.newestAt).toBe(now - minutes);
  const told = rollup('half-hour', now, [bucket(0), bucket(0), bucket(0), bucket(2, 0.5)]);
  const both = drawnFrom('hour', now, { rollups: [told], last });
  // It may be counted in it or not: what is shown as the last lies within the least and the greatest all the same.
  expect(pointsOf(both).at(-1)).toEqual([0.25, 0.5, 0.5]);
  expect(both.counts.at(-1)).toBe(2);
  expect(both.signals[0]!.last).toBe(0.25);
  const above = heartbeat({ sentAt: now - minutes, metrics: { [cpu]: 0.75 } });
  expect(pointsOf(drawnFrom('hour', now, { rollups: [told], last: above })).at(-1)).toEqual([0.5, 0.5, 0.75]);
});

test('a day has a point each quarter of an hour, of three buckets weighed by how much was measured', () => {
  const drawn = drawnFrom('day', now, {
    rollups: [rollup('half-hour', now, [bucket(1, 0.1), bucket(0), bucket(3, 0.5, 0.2, 0.9)])],
  });
  const first = drawn.counts.findIndex((count) => count > 0);
  expect(drawn.from + first * drawn.bucketMs).toBe(Date.UTC(2026, 10, 29, 16, 30));
  expect(drawn.counts[first]).toBe(4);
  expect(pointsOf(drawn)[first]).toEqual([0.1, 0.4, 0.9]);
});

test('a month is drawn from days, and from half hours what is in no day yet', () => {
  const yesterday = now - 24 * hours;
  const rollups = [
    rollup(
      'day',
      yesterday,
      Array.from({ length: 24 }, (_, i) => bucket(i < 12 ? 60 : i === 13 ? 1 : 0, 0.3)),
    ),
    // Of an hour that the day tells of as well, and of one that it does not: the agent was started anew.
    rollup('half-hour', Date.UTC(2026, 10, 28, 11), [bucket(5, 0.9)]),
    rollup('half-hour', Date.UTC(2026, 10, 28, 12), [bucket(5, 0.6)]),
    rollup('half-hour', Date.UTC(2026, 10, 28, 13), [bucket(5, 0.8)]),
    rollup('half-hour', Date.UTC(2026, 10, 29, 16), [bucket(5, 0.7)]),
  ];
  const drawn = drawnFrom('month', now, { rollups });
  const at = (time: number) => pointsOf(drawn)[(time - drawn.from) / hours]?.[1];
  expect(at(Date.UTC(2026, 10, 28, 11))).toBe(0.3);
  expect(at(Date.UTC(2026, 10, 28, 12))).toBe(0.6);
  expect(at(Date.UTC(2026, 10, 28, 13))).toBe(0.8); // the day lost most of that hour
  expect(at(Date.UTC(2026, 10, 29, 16))).toBe(0.7);
  expect(at(Date.UTC(2026, 10, 29, 15))).toBeUndefined();
  expect(rollupsNeeded('month', now).map(({ kind }) => kind)).toEqual(['day', 'half-hour']);
  expect(rollupsNeeded('day', now).map(({ kind }) => kind)).toEqual(['half-hour']);
});

test('only what is asked for is drawn, also where nothing is known of it', () => {
  const rollups = [rollup('half-hour', now, [bucket(5)])];
  const rtt = 'gateway.connection.rtt';
  expect(drawnFrom('hour', now, { rollups }, [rtt]).signals).toEqual([
    { name: rtt, unit: 'ms', buckets: Array.from({ length: 12 }, () => null) },
  ]);
  expect(drawnFrom('hour', now, { rollups }).signals.map(({ name }) => name)).toEqual([cpu]);
  const nothing = drawnFrom('hour', now, { rollups: [] });
  expect(nothing.signals).toEqual([]);
  expect(nothing.newestAt).toBeUndefined();
});

test('now is by the clock of the gateway, as long as that is not out of its mind', () => {
  expect(gatewayNow(now, -90_000)).toBe(now - 90_000);
  expect(gatewayNow(now, 9e15)).toBe(now);
  expect(gatewayNow(now)).toBe(now);
});

test('buckets fold to the same whatever they are folded by', () => {
  const parts = [bucket(1, 0.2, 0.1, 0.3), bucket(3, 0.6, 0.5, 0.7), bucket(4, 0.5, 0, 1)];
  const all = folded(parts);
  const twice = folded([folded(parts.slice(0, 2)), parts[2]!]);
  expect(twice.count).toBe(all.count);
  for (const i of [0, 1, 2] as const) expect(twice.values[cpu]![i]).toBeCloseTo(all.values[cpu]![i], 12);
});
