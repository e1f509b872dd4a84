import { randomBytes } from 'node:crypto';
import { dayMs, dayOf, FleetDayBuilder, type FleetDay } from '../../../core/design-report/fleet-day.ts';
import { attributeNames } from '../../../core/patterns/attributes.ts';
import { patternsTable } from '../../../lambda/aws/tables.ts';
import { dynamoDayStore, type DayStore } from '../../../lambda/design-report/day-store.ts';
import { keepDay } from '../../../lambda/design-report/keep-day.ts';
import { runTick } from '../../../lambda/alerts/tick.ts';
import { startDynamo, type TableVariable, type TestDynamo } from '../../support/dynamo.ts';
import { minutes, hours } from '../../support/fleet.ts';
import { furnishRegions, TickWorld } from '../../support/tick-world.ts';

let dynamo: TestDynamo;
let names: Record<TableVariable, string>;
beforeAll(async () => {
  dynamo = await startDynamo();
});
beforeEach(async () => {
  names = await dynamo.createTables();
});
afterAll(() => dynamo.close());

const table = () => patternsTable(names.PATTERNS_TABLE, dynamo.client);
const store = () => dynamoDayStore(table(), { now: Date.now, random: randomBytes });
const midnight = Math.floor(Date.UTC(2026, 10, 23) / dayMs) * dayMs;

function fleetOf(gateways: number, day = dayOf(midnight) - 1): FleetDay {
  const builder = new FleetDayBuilder(day);
  for (let i = 0; i < gateways; i++)
    builder.add(
      { gatewayId: `gw-${randomBytes(10).toString('hex')}`, tenantId: `t-${i % 9}` },
      attributeNames.map((name) => (name === 'agentVersion' ? '1' : undefined)),
      [],
    );
  return builder.build();
}

describe('a day of the fleet', () => {
  test('is kept whole, however large, and by who comes first', async () => {
    const [first, second] = [fleetOf(40_000), fleetOf(3)];
    expect(await store().has(first.day)).toBe(false);
    expect(await store().put(first)).toBe(true);
    expect(await store().put(second)).toBe(false);
    expect(await store().get(first.day)).toEqual(first);
    expect(await store().has(first.day)).toBe(true);
  });

  test('is not there where its writer died before the last write', async () => {
    const one = table();
    const dying = dynamoDayStore(
      Object.assign(Object.create(one) as typeof one, {
        put: one.put.bind(one),
        putIfAbsent: () => Promise.reject(new Error('killed')),
      }),
      { now: Date.now, random: randomBytes },
    );
    const fleet = fleetOf(5);
    await expect(dying.put(fleet)).rejects.toThrow('killed');
    expect(await store().has(fleet.day)).toBe(false);
    expect(await store().put(fleet)).toBe(true);
  });
});

/** A fleet of two regions, at `now`, whose days go into memory. */
function watched(now: number): {
  world: TickWorld;
  days: Map<number, FleetDay>;
  tick: () => Promise<unknown>;
  reads: () => number;
} {
  const world = new TickWorld();
  world.now = now;
  furnishRegions(world, { inside: 3, outside: 3, each: 2 });
  const days = new Map<number, FleetDay>();
  let reads = 0;
  const memory: DayStore = {
    has: (day) => Promise.resolve(((reads += 1), days.has(day))),
    put: (fleet) => Promise.resolve(!days.has(fleet.day) && Boolean(days.set(fleet.day, fleet))),
    get: (day) => Promise.resolve(days.get(day)),
  };
  const tick = async () => {
    await world.look();
    world.now += minutes;
    return runTick({ ...world.deps(), days: memory });
  };
  return { world, days, tick, reads: () => reads };
}

describe('the status proxy', () => {
  test('keeps the day that is over, once, with what began in it', async () => {
    const { world, days, tick } = watched(midnight - 2 * hours);
    await tick();
    expect(days.size).toBe(0);
    for (const gatewayId of ['gw-0-0', 'gw-1-0']) world.dark.add(gatewayId);
    for (let i = 0; i < 125; i++) await tick();
    expect([...days.keys()]).toEqual([dayOf(midnight) - 1]);
    const [kept] = days.values();
    expect(kept!.gatewayIds).toHaveLength(12);
    expect(kept!.onsets['Offline']!.map((row) => kept!.gatewayIds[row])).toEqual(['gw-0-0', 'gw-1-0']);
  });

  test('keeps no day that it would know only half of', async () => {
    const { days, tick, reads } = watched(midnight + 4 * hours);
    await tick();
    expect([days.size, reads()]).toEqual([0, 0]);
  });

  test('waits for inventories after a cold start, but not for long, and fails no tick', async () => {
    const days = { put: jestFn(), has: () => Promise.resolve(false), get: () => Promise.resolve(undefined) };
    const log = () => undefined;
    const look = { day: fleetOf(10), unknown: 5, gateways: 10 };
    await keepDay({ days, log }, look, midnight + minutes);
    expect(days.put.calls).toBe(0);
    await keepDay({ days, log }, look, midnight + hours);
    expect(days.put.calls).toBe(1);
    const broken = { ...days, put: () => Promise.reject(new Error('away')) };
    await expect(keepDay({ days: broken, log }, look, midnight + hours)).resolves.toBeUndefined();
  });
});

function jestFn() {
  const fn = Object.assign(() => Promise.resolve(Boolean((fn.calls += 1))), { calls: 0 });
  return fn;
}
