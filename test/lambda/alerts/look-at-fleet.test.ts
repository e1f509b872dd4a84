import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Roster } from '../../../core/alerts/roster.ts';
import type { GatewayItem, StatusItem } from '../../../core/model.ts';
import { lookAtFleet, type FleetLook } from '../../../lambda/alerts/look-at-fleet.ts';
import type { TickDeps } from '../../../lambda/alerts/ports.ts';
import { gatewayItem, statusItem } from '../../support/fleet.ts';
import { TickWorld } from '../../support/tick-world.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const pages = 5;
const perPage = 200;
const numbers = (page: number): number[] => Array.from({ length: perPage }, (_, i) => page * perPage + i);

/** Pages whose items are watched; answers how many of a page are in memory still once two more were read. */
class Watched<T extends object> {
  readonly left: number[] = [];
  readonly #makes: (i: number) => T;
  constructor(makes: (i: number) => T) {
    this.#makes = makes;
  }
  async *read(): AsyncGenerator<readonly T[]> {
    const refs: WeakRef<T>[][] = [];
    for (let page = 0; page < pages; page++) {
      const items = numbers(page).map(this.#makes);
      refs.push(items.map((item) => new WeakRef(item)));
      yield items;
      // What a WeakRef was made of lives until the turn is over.
      await setImmediate();
      collectGarbage();
      const before = refs[page - 1];
      if (before) this.left.push(before.filter((ref) => ref.deref() !== undefined).length);
    }
  }
}

test('no gateway and no status stays in memory but of those with something to judge', async () => {
  const gateways = new Watched((i) => gatewayItem({ gatewayId: `gw-${i}`, tenantId: `t-${i % 50}` }));
  const statuses = new Watched((i) =>
    statusItem(
      { gatewayId: `gw-${i}` },
      { metrics: { 'system.memory.utilization': i % 100 === 0 ? 0.99 : 0.4 } },
    ),
  );
  const world = new TickWorld();
  const deps: TickDeps = {
    ...world.deps(),
    fleet: { gateways: () => gateways.read(), statuses: () => statuses.read() },
  };

  const look = await lookAtFleet(deps, { open: [], now: world.now });

  expect(look).toMatchObject({ gateways: pages * perPage, failed: 0 });
  expect(look.looks.map(({ gateway }) => gateway.gatewayId)).toEqual(
    numbers(0).flatMap((i) => (i < 10 ? [`gw-${i * 100}`] : [])),
  );
  // One that was just looked at may still be in a register.
  expect(gateways.left).toHaveLength(pages - 1);
  expect(Math.max(...gateways.left)).toBeLessThanOrEqual(1);
  expect(statuses.left.map((left) => left >= 2 && left <= 3)).toEqual([true, true, true, true]);
});

test('an item that cannot be read costs itself, and not the look at the others', async () => {
  const hot = { metrics: { 'system.memory.utilization': 0.99 } };
  const ids = ['gw-1', 'gw-2', 'gw-3', 'gw-4'];
  const { recentHellos: _, ...noHellos } = gatewayItem({ gatewayId: 'gw-1' });
  const { heartbeat: __, ...noHeartbeat } = statusItem({ gatewayId: 'gw-2' });
  const world = new TickWorld();
  const logged: unknown[] = [];
  const lookAt = (isBroken: boolean) =>
    lookAtFleet(
      {
        ...world.deps(),
        log: (_level, event, fields) => void logged.push([event, fields?.gatewayId]),
        fleet: {
          roster,
          gateways: async function* () {
            yield ids.map((id, i) =>
              isBroken && i === 0 ? (noHellos as GatewayItem) : gatewayItem({ gatewayId: id }),
            );
          },
          statuses: async function* () {
            yield ids.map((id, i) =>
              isBroken && i === 1 ? (noHeartbeat as StatusItem) : statusItem({ gatewayId: id }, hot),
            );
          },
        },
      },
      { open: [], now: world.now },
    );
  const idsOf = ({ looks }: FleetLook) => looks.map(({ gateway }) => gateway.gatewayId);
  const roster = new Roster();
  expect(idsOf(await lookAt(false))).toEqual(ids);

  const look = await lookAt(true);

  expect(look).toMatchObject({ gateways: 4, active: 2, failed: 2 });
  expect(idsOf(look)).toEqual(['gw-3', 'gw-4']);
  expect(logged).toEqual([
    ['proxy.gateway_failed', 'gw-1'],
    ['proxy.gateway_failed', 'gw-2'],
  ]);
});

test.each<[string, (gateway: GatewayItem, status: StatusItem) => object]>([
  ['when its status came', (_, status) => ({ status: { ...status, receivedAt: undefined } })],
  ['that in numbers', (_, status) => ({ status: { ...status, receivedAt: 'at noon' } })],
  [
    'how often it reports',
    (_, status) => ({ status: { ...status, heartbeat: { ...status.heartbeat, intervalMs: '5m' } } }),
  ],
  ['when it was made', (gateway) => ({ gateway: { ...gateway, createdAt: undefined } })],
  [
    'when it connected',
    ({ route, ...of }) => ({ gateway: { ...of, route: { ...route, connectedAt: 'x' } } }),
  ],
  ['when it said hello', (gateway) => ({ gateway: { ...gateway, recentHellos: [null, 'x'] } })],
])(
  'a gateway whose items do not tell %s is passed over, and its cell is judged by the others',
  async (_, damage) => {
    const world = new TickWorld();
    const quietSince = world.now - 3_600_000;
    const cellId = 'cell-quiet';
    const items = Array.from({ length: 7 }, (_, i) => {
      const of = { gatewayId: `gw-${i}`, tenantId: `t-${i % 2}` };
      const route = { ...gatewayItem().route!, cellId, connectedAt: quietSince };
      const gateway = gatewayItem({ ...of, route, createdAt: quietSince, recentHellos: [quietSince] });
      const status = statusItem({ ...of, cellId, receivedAt: quietSince });
      return { gateway, status, ...(i === 6 ? damage(gateway, status) : {}) };
    });
    const logged: unknown[] = [];
    const look = await lookAtFleet(
      {
        ...world.deps(),
        log: (_level, event, fields) => void logged.push([event, fields?.gatewayId]),
        fleet: {
          gateways: async function* () {
            yield items.map(({ gateway }) => gateway);
          },
          statuses: async function* () {
            yield items.map(({ status }) => status);
          },
        },
      },
      { open: [], now: world.now },
    );
    expect([...look.frozen]).toEqual([[cellId, 6]]);
    expect(look).toMatchObject({ gateways: 7, active: 6, failed: 1 });
    expect(logged).toEqual([['proxy.gateway_failed', 'gw-6']]);
  },
);
