import { fleetScope } from '../../../core/audit/actions.ts';
import type { AlertEvent } from '../../../core/alert-event.ts';
import { furnishRegions, TickWorld } from '../../support/tick-world.ts';

const firingOf = (events: AlertEvent[]): AlertEvent[] => events.filter(({ type }) => type === 'firing');
const ofProvider = (events: AlertEvent[]): AlertEvent[] =>
  events.filter(({ tenantId }) => tenantId === fleetScope);
const most = (events: AlertEvent[]): number =>
  Math.max(0, ...[...Map.groupBy(events, ({ tenantId }) => tenantId).values()].map(({ length }) => length));

async function ticks(world: TickWorld, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await world.tick();
}

test('a region of 10,000 gateways that goes dark is one event for the provider and one a customer; what stays dark is told when the rest is back', async () => {
  const world = new TickWorld();
  const { region } = furnishRegions(world, { inside: 2_000, outside: 400, each: 5 });
  await ticks(world, 1);
  expect(world.heard()).toEqual([]);

  world.goDark(region);
  await ticks(world, 8);
  const dark = world.heard();
  expect(ofProvider(dark).map(({ conditionId, component, type }) => [conditionId, component, type])).toEqual([
    ['Pattern', 'Offline region=north', 'firing'],
  ]);
  const customers = dark.filter(({ tenantId }) => tenantId !== fleetScope);
  expect(new Set(customers.map(({ conditionId }) => conditionId))).toEqual(new Set(['SharedIncident']));
  expect(customers).toHaveLength(2_000);
  expect(most(customers)).toBe(1);
  expect([...world.alerts.values()].filter(({ inhibitedBy }) => inhibitedBy !== undefined)).toHaveLength(
    10_000,
  );

  // One gateway each of seven customers has not survived it.
  const lost = region.filter((gatewayId) => /^gw-[0-6]-0$/.test(gatewayId));
  world.comeBack(region.filter((gatewayId) => !lost.includes(gatewayId)));
  await ticks(world, 15);
  const back = world.heard();
  expect(ofProvider(back).map(({ conditionId, type }) => [conditionId, type])).toEqual([
    ['Pattern', 'resolved'],
  ]);
  const alone = back.filter(({ conditionId }) => conditionId === 'Offline');
  expect(alone.map(({ gatewayId, type }) => `${gatewayId} ${type}`).sort()).toEqual(
    lost.map((gatewayId) => `${gatewayId} firing`).sort(),
  );
  expect(firingOf(back)).toHaveLength(lost.length);

  world.comeBack(lost);
  await ticks(world, 3);
  const over = world.heard().filter(({ conditionId }) => conditionId === 'Offline');
  expect(over.map(({ type }) => type)).toEqual(lost.map(() => 'resolved'));
  expect([...world.alerts.values()].filter(({ inhibitedBy }) => inhibitedBy !== undefined)).toEqual([]);
});
