import { chronicRatio, fleetRates, noHistory, remember } from '../../../core/patterns/history.ts';
import { afterTwoTicks, conditionId, quietHistory, sceneFleet, type Scene } from '../../support/patterns.ts';

/** 400 customers of 2 gateways; the first 100 are in the north. */
const place = (c: number) => ({ region: c < 100 ? 'north' : 'south', version: '1.0' });
const fleetOf = (failing: Scene['failing'], values: Scene['values'] = place) =>
  sceneFleet({ customers: 400, values, failing });
/** Which customers fail moves from window to window; in the north `north` of 100, elsewhere `south`. */
const failingAt = (i: number, north: number, south: number) => (c: number, g: number) =>
  g === 0 && (c * 37 + i * 11) % 100 < (c < 100 ? north : south) && 5;
function watched(windows: number, north: number, south: number) {
  const history = quietHistory();
  for (let i = 0; i < windows; i++) remember(history, fleetOf(failingAt(i, north, south)), 0);
  return history;
}

test('sums what it saw, of the fleet and of each value', () => {
  const history = noHistory();
  remember(history, fleetOf(failingAt(0, 10, 2)), 0);
  expect(history.watchedMs).toBe(15 * 60_000);
  expect(history.fleet).toMatchObject({ customers: [400, 0, 0], gateways: [800, 0, 0] });
  expect(history.fleet.hits).toEqual({ [conditionId]: [16, 0, 0] });
  expect(history.values['region=north']).toEqual({
    customers: [100, 0, 0],
    gateways: [200, 0, 0],
    hits: { [conditionId]: [10, 0, 0] },
    failing: { [conditionId]: [10, 0, 0] },
  });
  expect(fleetRates(history, conditionId, 0)).toEqual({
    failingPerGateway: 16 / 800,
    hitsPerGateway: 16 / 800,
    hitsPerCustomer: 16 / 400,
  });
});

test('what is 14 days old weighs 1/e', () => {
  const history = noHistory();
  remember(history, fleetOf(failingAt(0, 10, 2)), 0);
  for (let i = 0; i < 14 * 96; i++) remember(history, sceneFleet({ ...empty, values: place }), 0);
  expect(history.fleet.hits[conditionId]?.[0]).toBeCloseTo(16 / Math.E, 1);
});
const empty = { customers: 0, failing: (): false => false };

test('forgets a value that nobody has carried for long', () => {
  const history = noHistory();
  remember(
    history,
    fleetOf(() => false),
    2,
  );
  for (let i = 0; i < 14 * 8; i++) remember(history, sceneFleet({ ...empty, values: place }), 2);
  expect(Object.keys(history.values)).toEqual([]);
});

test('a chronic ratio is shrunk by four hits at the fleet’s rate', () => {
  const history = watched(1, 10, 2);
  // Fleet: 16 of 800. North: (10 + 4) of (200 + 4/0.02), over 0.02.
  expect(chronicRatio(history.values['region=north'], history, conditionId)).toEqual({
    perGateway: expect.closeTo(14 / 400 / 0.02, 9) as number,
    perCustomer: expect.closeTo(14 / 400 / 0.02, 9) as number,
  });
  expect(chronicRatio(history.values['region=south'], history, conditionId).perGateway).toBe(1);
  expect(chronicRatio(undefined, history, conditionId)).toEqual({ perGateway: 1, perCustomer: 1 });
});

test('what a pattern breaks does not become its own excuse', () => {
  const history = noHistory();
  const named = [{ conditionId, attribute: 'region', value: 'north' }];
  remember(history, fleetOf(failingAt(0, 10, 2)), 0, named);
  expect(history.values['region=north']?.hits).toEqual({});
  expect(history.fleet.hits[conditionId]).toEqual([6, 0, 0]);
});

test('a difference that was there before is not named, one that is new is', () => {
  const now = fleetOf(failingAt(3, 30, 2));
  expect(afterTwoTicks(now, watched(20, 2, 2)).patterns).toMatchObject([{ value: 'north' }]);
  expect(afterTwoTicks(now, watched(20, 30, 2)).patterns).toEqual([]);
});

test('a chronic difference grows with a burst of the whole fleet and is still not named', () => {
  // 5 to 1 as ever, and ten times as many of both.
  const burst = fleetOf(failingAt(3, 50, 10));
  expect(afterTwoTicks(burst, watched(40, 5, 1)).patterns).toEqual([]);
  expect(afterTwoTicks(burst, watched(40, 1, 1)).patterns).toMatchObject([{ value: 'north' }]);
});

test('a new version is not blamed for the region that it is installed in', () => {
  const rollout = (c: number) => ({ ...place(c), version: c < 80 ? '2.0' : '1.0' });
  const now = fleetOf(failingAt(3, 30, 2), rollout);
  expect(afterTwoTicks(now, watched(20, 30, 2)).patterns).toEqual([]);
});

test('a burst that no value explains is an event of the fleet', () => {
  const burst = fleetOf((c, g) => c % 5 === 0 && g === 0 && 5);
  expect(afterTwoTicks(burst, watched(40, 1, 1))).toMatchObject({
    patterns: [],
    fleetEvents: [{ conditionId, hitCustomers: 80, failingGateways: 80, customers: 400 }],
  });
  expect(afterTwoTicks(fleetOf(failingAt(50, 1, 1)), watched(40, 1, 1)).fleetEvents).toEqual([]);
  const version = (c: number) => ({ ...place(c), version: c < 10 ? '1.0' : '2.0' });
  const all = fleetOf((c) => c >= 10 && 5, version);
  expect(afterTwoTicks(all, watched(40, 1, 1))).toMatchObject({
    patterns: [],
    fleetEvents: [{ conditionId }],
  });
});

test('what a pattern explains is no event of the fleet', () => {
  const now = fleetOf(failingAt(3, 60, 1));
  expect(afterTwoTicks(now, watched(40, 1, 1))).toMatchObject({
    patterns: [{ value: 'north' }],
    fleetEvents: [],
  });
});
