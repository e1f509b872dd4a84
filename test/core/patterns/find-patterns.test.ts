import { findPatterns, type PatternsFound } from '../../../core/patterns/find-patterns.ts';
import { noHistory } from '../../../core/patterns/history.ts';
import {
  afterTwoTicks,
  nowMs,
  quietHistory,
  sceneFleet,
  tickMs,
  type Scene,
} from '../../support/patterns.ts';

/** 400 customers of 2 gateways; the first 100 run 2.0, of which 20 fail; regions go across. */
const bad: Scene = {
  customers: 400,
  values: (c) => ({ version: c < 100 ? '2.0' : '1.0', region: `r${c % 4}` }),
  failing: (c, g) => c < 20 && g === 0 && 5,
};
const scene = (over: Partial<Scene>): Scene => ({ ...bad, ...over });
const named = ({ patterns }: PatternsFound): string[] => patterns.map((p) => `${p.attribute}=${p.value}`);
const found = (over: Partial<Scene>): string[] => named(afterTwoTicks(sceneFleet(scene(over))));

test('names the value whose carriers fail, with its counts', () => {
  const [pattern, ...others] = afterTwoTicks(sceneFleet(bad)).patterns;
  expect(others).toEqual([]);
  expect(pattern).toMatchObject({
    conditionId: 'Offline',
    attribute: 'version',
    value: '2.0',
    windowMs: 15 * 60_000,
    hitCustomers: 20,
    failingGateways: 20,
    carriers: { customers: 100, gateways: 200 },
    outside: { customers: 300, gateways: 600, hitCustomers: 0, failingGateways: 0 },
    indistinguishable: [],
  });
  // Nobody of 600 gateways outside fails: 3.00 at most (95 %), so half a percent each; 100 · (1 − 0.995²).
  expect(pattern?.expectedCustomers).toBeCloseTo(100 * (1 - (1 + Math.log(0.05) / 600) ** 2), 6);
  expect(pattern?.riskRatio).toBeCloseTo(20 / (pattern?.expectedCustomers ?? 0), 9);
});

describe('says nothing', () => {
  test('of a value whose carriers fail as others do', () => {
    expect(found({ failing: (c, g) => c % 5 === 0 && g === 0 && 5 })).toEqual([]);
  });
  test('of one customer’s gateways, however many: they are one piece of evidence', () => {
    const one = { gateways: (c: number) => (c === 0 ? 500 : 2), failing: (c: number) => c === 0 && 5 };
    expect(found(one)).toEqual([]);
  });
  test.each([
    [2, []],
    [3, ['version=rare']],
  ])('of %d customers: %j', (customers, names) => {
    const values = (c: number) => ({ version: c < customers ? 'rare' : '1.0' });
    const failing = (c: number) => c < customers && 5;
    const gateways = (c: number) => (c < customers ? 5 : 2);
    expect(found({ customers: 20_000, gateways, values, failing })).toEqual(names);
  });
  test.each([
    [4, []],
    [5, ['version=rare']],
  ])('of %d gateways: %j', (gateways, names) => {
    const values = (c: number) => ({ version: c < 5 ? 'rare' : '1.0' });
    const failing = (c: number, g: number) => c < gateways && g === 0 && 5;
    expect(found({ customers: 4000, values, failing })).toEqual(names);
  });
  test.each([
    [0, []],
    [2, []],
    [3, ['version=2.0']],
    [20, ['version=2.0']],
  ])('of what was over hours ago, but for the last hour’s %d of 24: %j', (recent, names) => {
    const failing = (c: number, g: number) => c < 24 && g === 0 && (c < recent ? 30 : 300);
    expect(found({ failing })).toEqual(names);
  });
  test('of less than twice the rate', () => {
    // 45 % against 30 %: sure, with 2,000 customers, and small.
    const failing = (c: number, g: number) => g === 0 && c % 20 < (c < 2000 ? 9 : 6) && 5;
    const values = (c: number) => ({ version: c < 2000 ? '2.0' : '1.0' });
    expect(found({ customers: 4000, values, failing })).toEqual([]);
    const twice = (c: number, g: number) => g === 0 && c % 20 < (c < 2000 ? 9 : 3) && 5;
    expect(found({ customers: 4000, values, failing: twice })).toEqual(['version=2.0']);
  });
  test('of a value that all but 19 customers carry', () => {
    const values = (outside: number) => (c: number) => ({ version: c < 400 - outside ? '2.0' : '1.0' });
    const gateways = () => 10;
    const failing = (outside: number) => (c: number, g: number) => c < 400 - outside && g === 0 && 5;
    expect(found({ gateways, values: values(19), failing: failing(19) })).toEqual([]);
    expect(found({ gateways, values: values(20), failing: failing(20) })).toEqual(['version=2.0']);
  });
  test('of a value that all but 99 gateways carry', () => {
    const values = (c: number) => ({ version: c < 360 ? '2.0' : '1.0' });
    const gateways = (few: number) => (c: number) => (c === 399 ? few : 2);
    const failing = (c: number, g: number) => c < 360 && g === 0 && 5;
    expect(found({ gateways: gateways(99 - 78), values, failing })).toEqual([]);
    expect(found({ gateways: gateways(100 - 78), values, failing })).toEqual(['version=2.0']);
  });
  test('of the value that nearly all carry, in an outage of everybody from which few others are spared', () => {
    // 30 others, of which by luck none is hit while 19 % are; their bound alone (10 %) would blame the version.
    const values = (c: number) => ({ version: c < 970 ? '2.0' : '1.0' });
    const gateways = () => 4;
    const hit = (share: number) => (c: number) => c < 970 && c % 100 < share && 5;
    const result = afterTwoTicks(sceneFleet({ customers: 1000, gateways, values, failing: hit(21) }));
    expect(named(result)).toEqual([]);
  });
  test('of onsets older than a day', () => {
    const failing = (ageMin: number) => (c: number) => c < 20 && (c < 3 ? 30 : ageMin);
    expect(found({ failing: failing(24 * 60) })).toEqual([]);
    expect(found({ failing: failing(24 * 60 - 1) })).toEqual(['version=2.0']);
  });
  test('of values that are not known', () => {
    expect(found({ values: (c) => ({ version: c < 100 ? undefined : '1.0' }) })).toEqual([]);
  });
});

describe('two ticks in a row', () => {
  const fleet = sceneFleet(bad);
  const input = { fleet, history: quietHistory(), tickMs };
  const first = findPatterns({ ...input, nowMs, previous: undefined });

  test('the first tick names nothing and remembers what was significant', () => {
    expect(first.patterns).toEqual([]);
    expect(first.significant).toEqual({ atMs: nowMs, keys: ['Offline version=2.0'] });
  });
  test('a tick that was missed is forgiven, two are not', () => {
    const later = (ticks: number) =>
      named(findPatterns({ ...input, nowMs: nowMs + ticks * tickMs, previous: first.significant }));
    expect(later(2)).toEqual(['version=2.0']);
    expect(later(3)).toEqual([]);
  });
  test('another value than before begins anew', () => {
    const previous = { atMs: nowMs, keys: ['Offline region=r1', 'MemoryHigh version=2.0'] };
    expect(named(findPatterns({ ...input, nowMs: nowMs + tickMs, previous }))).toEqual([]);
  });
  test('nothing is named in the first day of the history', () => {
    const history = { ...noHistory(), watchedMs: 24 * 3_600_000 - 1 };
    expect(afterTwoTicks(fleet, history)).toMatchObject({ patterns: [], significant: { keys: [] } });
  });
});

describe('strongest first', () => {
  test('a value that only goes along with the bad one is not named', () => {
    // Half of region r0 runs 2.0, and everybody who does is there or in r1.
    const values = (c: number) => ({
      version: c < 100 ? '2.0' : '1.0',
      region: c < 150 ? 'r0' : `r${c % 4}`,
    });
    expect(found({ values })).toEqual(['version=2.0']);
  });
  test('a cell is not named for its worst region, though a stray failure is in its other one', () => {
    const values = (c: number) => ({
      cell: c < 480 ? 'a' : 'b',
      region: c < 400 ? 'r0' : c < 480 ? 'r1' : 'r2',
    });
    const failing = (c: number, g: number) => g === 0 && (c < 40 || c === 440) && 5;
    expect(found({ customers: 1000, values, failing })[0]).toBe('region=r0');
  });
  test('two bad values are both named, the one with more evidence first', () => {
    const values = (c: number) => ({
      version: c < 100 ? '2.0' : '1.0',
      disk: c >= 100 && c < 180 ? 'bad' : 'good',
    });
    const failing = (c: number, g: number) => g === 0 && (c < 30 || (c >= 100 && c < 120)) && 5;
    expect(found({ values, failing })).toEqual(['version=2.0', 'disk=bad']);
  });
  test('at most five', () => {
    const values = (c: number) => ({ disk: c < 700 ? `bad-${Math.floor(c / 100)}` : 'good' });
    const failing = (c: number, g: number) => g === 0 && c < 700 && c % 100 < 60 && 5;
    expect(found({ customers: 9000, values, failing })).toHaveLength(5);
  });
  test('a customer that is hit is evidence once, also where its other gateways fail with it', () => {
    // Customers with 2.0 have one gateway each on 1.0 and firmware f; all gateways of the hit ones fail.
    const values = (c: number, g: number) =>
      c < 100
        ? { version: g === 0 ? '2.0' : '1.0', firmware: g === 0 ? 'a' : 'f' }
        : { version: '1.0', firmware: 'a' };
    const result = afterTwoTicks(sceneFleet(scene({ values, failing: (c) => c < 20 && 5 })));
    expect(result.patterns).toHaveLength(1);
    expect(result.patterns[0]?.outside).toMatchObject({ customers: 300, hitCustomers: 0 });
  });
});

test('customers without the value may be few, where gateways without it are many', () => {
  // Each customer has 10 gateways of both models, but for 20 customers with 5 of the good one.
  const disk = (c: number, g: number) => ({ disk: c >= 20 && g < 10 ? 'bad' : 'good' });
  const gateways = (c: number) => (c < 20 ? 5 : 20);
  const failing = (c: number, g: number) => c >= 20 && c % 10 === 0 && g === 0 && 5;
  expect(found({ gateways, values: disk, failing })).toEqual(['disk=bad']);
});

test('values that nearly the same gateways carry are named with it', () => {
  const kernel = (shared: number) => (c: number) => ({
    version: c < 100 ? '2.0' : '1.0',
    kernel: c < shared ? '6.9' : '6.1',
  });
  const twins = (shared: number) => afterTwoTicks(sceneFleet(scene({ values: kernel(shared) }))).patterns;
  expect(twins(100)[0]?.indistinguishable).toMatchObject([{ jaccard: 1 }]);
  expect(twins(142)).toMatchObject([{ value: '2.0', indistinguishable: [{ value: '6.9' }] }]);
  expect(twins(143)).toMatchObject([{ value: '2.0', indistinguishable: [] }]);
});

test('values that half of the same gateways carry are named with it while the failures speak for both', () => {
  const values = (c: number) => ({ version: c < 100 ? '2.0' : '1.0', kernel: c < 160 ? '6.9' : '6.1' });
  /** `more`: customers with the kernel and without the version that fail as well. */
  const twins = (more: number) => {
    const failing = (c: number, g: number) => (c < 20 || (c >= 100 && c < 100 + more)) && g === 0 && 5;
    const [first] = afterTwoTicks(sceneFleet(scene({ values, failing }))).patterns;
    return [first?.value, ...(first?.indistinguishable ?? []).map(({ value }) => value)];
  };
  expect(twins(0)).toEqual(['2.0']);
  expect(twins(3)).toEqual(['6.9', '2.0']);
  expect(twins(12)).toEqual(['6.9']);
});

test('a pair is named inside a value that is significant by itself', () => {
  const values = (c: number) => ({ version: c < 200 ? '2.0' : '1.0', hardware: c % 4 === 0 ? 'h4' : 'h1' });
  const failing = (c: number, g: number) => c < 200 && c % 4 === 0 && g === 0 && 5;
  const { patterns } = afterTwoTicks(sceneFleet(scene({ customers: 4000, values, failing })));
  expect(patterns[0]).toMatchObject({ value: '2.0', within: { attribute: 'hardware', value: 'h4' } });
  expect(afterTwoTicks(sceneFleet(bad)).patterns[0]?.within).toBeUndefined();
});
