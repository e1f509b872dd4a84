import { measured, noPast, pastSchema, withoutDone, type Past } from '../../../agent/rollups/tally.ts';
import {
  rollupFrameBytes,
  rollupKinds,
  rollupSchema,
  type RollupKind,
} from '../../../core/rollups/rollup.ts';
import { historySignalNames, historySignals } from '../../../core/rollups/signals.ts';
import { hours, minutes } from '../../support/fleet.ts';

const t0 = Date.UTC(2026, 9, 1);
/** Every signal, with as many digits as there are. */
const everything = Object.fromEntries(historySignalNames.map((name) => [name, 0.123456789]));
const startsOf = ({ done }: Past, kind: RollupKind) =>
  done.filter((each) => each.kind === kind).map(({ startsAt }) => startsAt);

test('without a connection it keeps what the cloud would take: two days by half hours, 35 days by days', () => {
  let past = noPast;
  let at = t0;
  for (; at < t0 + 50 * 24 * hours; at += 5 * minutes) past = measured(past, everything, at);
  const [halfHours, days] = [startsOf(past, 'half-hour'), startsOf(past, 'day')];
  expect(halfHours.length).toBeGreaterThan(90);
  expect(days.length).toBeGreaterThan(30);
  expect(halfHours.at(-1)).toBe(at - hours);
  for (const { kind, startsAt } of past.done)
    expect(startsAt + rollupKinds[kind].keptMs + rollupKinds[kind].spanMs).toBeGreaterThan(at - 5 * minutes);
  // A file of the state directory has a megabyte at most, and comes back as it went.
  const text = JSON.stringify(past);
  expect(text.length).toBeLessThan(512 * 1024);
  expect(pastSchema.parse(JSON.parse(text))).toEqual(past);
  expect(past.done.filter((rollup) => !rollupSchema.safeParse(rollup).success)).toEqual([]);
});

test('a day of every signal has room in a frame, however long its numbers are', () => {
  const long = historySignals.map(
    ({ name, unit }) => [name, unit === 'bytes/s' ? 123_456_789_012 : 0.00000123] as const,
  );
  let past = noPast;
  for (let hour = 0; hour <= 24; hour++) past = measured(past, Object.fromEntries(long), t0 + hour * hours);
  const day = past.done.find(({ kind }) => kind === 'day');
  expect(day?.counts).toHaveLength(24);
  expect(JSON.stringify(day).length).toBeLessThan(rollupFrameBytes);
});

test('what is stored is gone, and what was measured meanwhile is not', () => {
  let past = noPast;
  for (let minute = 0; minute <= 30; minute++) past = measured(past, everything, t0 + minute * minutes);
  const stored = past.done;
  past = measured(past, everything, t0 + 31 * minutes);
  expect(withoutDone(past, stored).done).toEqual([]);
  expect(withoutDone(past, stored).open).toEqual(past.open);
});

test('a signal that is not always there has the mean of the times that it was', () => {
  const [first, second] = historySignalNames as [string, string];
  let past = measured(noPast, { [first]: 1 }, t0);
  past = measured(past, { [first]: 2, [second]: 6 }, t0 + minutes);
  past = measured(past, {}, t0 + 30 * minutes);
  expect(past.done).toMatchObject([{ counts: [2], signals: { [first]: [1, 1.5, 2], [second]: [6, 6, 6] } }]);
});

test.each([
  ['to 1970', 0],
  ['three days back', t0 - 3 * 24 * hours],
  ['a year ahead', t0 + 365 * 24 * hours],
])('a clock that jumps %s, and is put right, ends nothing of what waits', (_, jumped) => {
  let past = measured(noPast, everything, t0);
  past = measured(past, everything, t0 + 30 * minutes);
  past = measured(past, everything, jumped);
  past = measured(past, everything, jumped + 30 * minutes);
  past = measured(past, everything, t0 + hours);
  const halfHours = startsOf(past, 'half-hour');
  expect(halfHours.slice(0, 2)).toEqual([t0, t0 + 30 * minutes]);
  expect(halfHours).toContain(jumped);
  expect(startsOf(past, 'day')).toContain(t0);
});

test('a clock that jumps again and again makes no more of it than there is room for', () => {
  let past = noPast;
  for (let jump = 0; jump < 300; jump++) past = measured(past, everything, jump * 400 * 24 * hours);
  expect(startsOf(past, 'half-hour')).toHaveLength(96);
  expect(startsOf(past, 'day')).toHaveLength(35);
});
