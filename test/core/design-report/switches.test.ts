import { selfControlled, type BeforeAfter } from '../../../core/design-report/self-controlled.ts';
import { countOf, sideDays, switchesOf } from '../../../core/design-report/switches.ts';
import type { Change, GatewayPast } from '../../../core/design-report/fleet-history.ts';

const change = (day: number, to: number, attribute = 0): Change => ({ attribute, day, from: to - 1, to });
const past = (...changes: Change[]): GatewayPast => ({
  ...{ customer: 0, codes: [], cell: 0, onsets: [], standing: [], changes },
  present: (1 << 30) - 1,
});

test('a change has days on both sides, and its own day on neither', () => {
  const [only] = switchesOf(past(change(10, 2)), 0);
  expect([countOf(only!.before), countOf(only!.after), countOf(only!.carried)]).toEqual([10, sideDays, 19]);
  expect((only!.before | only!.carried) & (1 << 10)).toBe(0);
  expect(switchesOf(past(change(10, 2)), 1)).toEqual([]);
});

test('the next change of the same ends a side; one of something else does not', () => {
  const [first, second] = switchesOf(past(change(10, 2), change(14, 3), change(12, 5, 1)), 0);
  expect([countOf(first!.after), countOf(second!.before)]).toEqual([3, 3]);
});

test('a gateway that was not seen on one of the sides says nothing', () => {
  expect(switchesOf({ ...past(change(10, 2)), present: 1 << 11 }, 0)).toEqual([]);
});

const gateway = (customer: number, before: number, after: number, weights = [10, 10]): BeforeAfter => ({
  customer,
  before: { days: 10, weight: weights[0]!, onsets: before },
  after: { days: 10, weight: weights[1]!, onsets: after },
});

test('each gateway is compared with itself: how often they fail at all does not matter', () => {
  const quiet = Array.from({ length: 30 }, (_, c) => gateway(c, 1, 2));
  const loud = Array.from({ length: 30 }, (_, c) => gateway(30 + c, 4, 8));
  expect(selfControlled([...quiet, ...loud]).ratio.value).toBeCloseTo(2);
  const heavyDays = quiet.map(({ customer }) => gateway(customer, 1, 2, [10, 20]));
  expect(selfControlled(heavyDays).ratio.value).toBeCloseTo(1);
});

test('twenty gateways of one customer are less sure than of twenty', () => {
  const of = (customer: (g: number) => number) =>
    selfControlled(
      Array.from({ length: 20 }, (_, g) => gateway(customer(g), g % 4 === 0 ? 1 : 0, g % 4 === 0 ? 0 : 1)),
    );
  const [many, few] = [of((g) => g), of((g) => g % 3)];
  expect(few.ratio.value).toBeCloseTo(many.ratio.value);
  expect(few.ratio.high / few.ratio.low).toBeGreaterThan(many.ratio.high / many.ratio.low);
});

test('a side without an onset counts as if it had one', () => {
  const { ratio } = selfControlled(Array.from({ length: 12 }, (_, c) => gateway(c, 0, 1)));
  expect(ratio).toMatchObject({ isAtLeast: true, value: expect.closeTo(12) as number });
  expect(ratio.low).toBeGreaterThan(1);
  expect(selfControlled([gateway(0, 0, 0)]).pValue).toBe(1);
});
