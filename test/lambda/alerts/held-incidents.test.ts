import { newSilence } from '../../../core/alerts/silences.ts';
import type { SilenceItem } from '../../../core/alerts/model.ts';
import { fleetScope } from '../../../core/audit/actions.ts';
import type { Configuration } from '../../../core/configuration/configuration.ts';
import { runTick } from '../../../lambda/alerts/tick.ts';
import { configured } from '../../support/configured.ts';
import { statusItem } from '../../support/fleet.ts';
import { furnishRegions, TickWorld, tickMs } from '../../support/tick-world.ts';

let world: TickWorld;
let silences: SilenceItem[];
let configuration: Configuration | undefined;
let ids: string[];
/** Requests for what gateways are set to. */
let configurationReads: number;
/** Gateways whose stored configuration is this, and none. */
let damaged: Map<string, unknown>;
/** Mounts that are full, at every gateway of the site. */
let full: string[];
beforeEach(() => {
  full = [];
  configurationReads = 0;
  damaged = new Map();
  world = new TickWorld();
  silences = [];
  configuration = undefined;
  ids = [0, 1, 2, 3].map((i) => `gw-${i}`);
  for (const gatewayId of ids) world.add({ gatewayId, tenantId: 'acme', labels: { site: 'Oslo' } });
});
async function ticks(count: number) {
  for (let i = 0; i < count; i++) {
    world.now += tickMs;
    for (const { gatewayId, tenantId } of world.gateways.values())
      if (!world.dark.has(gatewayId))
        world.statuses.set(
          gatewayId,
          statusItem(
            { gatewayId, tenantId, receivedAt: world.now },
            { filesystems: full.map((mount) => ({ mount, sizeBytes: 1000, freeBytes: 10 })) },
          ),
        );
    const deps = world.deps();
    await runTick({
      ...deps,
      holds: {
        silences: async (tenantId) => silences.filter((each) => each.tenantId === tenantId),
        configurationsOf: async (gatewayIds) => {
          configurationReads += 1;
          return configured(gatewayIds, (id) => damaged.get(id) ?? configuration);
        },
      },
    });
  }
}
const told = () =>
  world.heard().map(({ conditionId, component, type }) => `${conditionId} ${component} ${type}`);
const silence = (named: object, n = 1, tenantId = 'acme') =>
  newSilence(
    { why: 'w', forMs: 24 * 3_600_000, ...named },
    { tenantId, silenceId: `si-${n}`, by: 'ann', at: world.now },
  );

test('a site’s incident is held where its condition is silenced', async () => {
  await ticks(1);
  silences = [silence({ conditionId: 'Offline' })];
  world.goDark(ids);
  await ticks(10);
  expect(told()).toEqual([]);
});
test('and where each of its gateways is, until one is not', async () => {
  await ticks(1);
  silences = ids.map((gatewayId, i) => silence({ gatewayId }, i));
  world.goDark(ids);
  await ticks(10);
  expect(told()).toEqual([]);
  silences.pop();
  await ticks(2);
  expect(told()).toEqual(['SiteIncident Oslo Offline firing']);
});
test('and where all of them are in their maintenance windows', async () => {
  configuration = { timeZone: 'UTC', maintenance: [{ days: ['sun'], from: '11:00', to: '14:00' }] };
  await ticks(1);
  world.goDark(ids);
  await ticks(10);
  expect(told()).toEqual([]);
});
test('and not where what one of them is set to is damaged, which costs nobody the news of others', async () => {
  configuration = { timeZone: 'UTC', maintenance: [{ days: ['sun'], from: '11:00', to: '14:00' }] };
  damaged.set('gw-3', { timeZone: 'UTC', maintenance: null });
  const logged: unknown[] = [];
  world.log = (level, event, fields) => void logged.push([level, event, fields?.['gatewayId']]);
  await ticks(1);
  world.goDark(ids);
  await ticks(10);
  expect(told()).toEqual(['SiteIncident Oslo Offline firing']);
  expect(logged).toContainEqual(['error', 'hold.unreadable', 'gw-3']);
});

describe('of a site of 1,000 gateways', () => {
  beforeEach(() => {
    ids = Array.from({ length: 1_000 }, (_, i) => `gw-${i}`);
    for (const gatewayId of ids) world.add({ gatewayId, tenantId: 'acme', labels: { site: 'Oslo' } });
  });
  /** The most that one tick asks for. */
  const readsOfTicks = async (count: number) => {
    let most = 0;
    for (let i = 0; i < count; i++) {
      configurationReads = 0;
      await ticks(1);
      most = Math.max(most, configurationReads);
    }
    return most;
  };
  test('no configuration is read while its condition is silenced', async () => {
    await ticks(1);
    silences = [silence({ conditionId: 'Offline' })];
    world.goDark(ids);
    expect(await readsOfTicks(8)).toBe(0);
    expect(told()).toEqual([]);
  });
  test('a tick asks for its windows a dozen times at most', async () => {
    configuration = { timeZone: 'UTC', maintenance: [{ days: ['sun'], from: '11:00', to: '14:00' }] };
    await ticks(1);
    world.goDark(ids);
    const most = await readsOfTicks(8);
    expect([most > 0, most <= 12]).toEqual([true, true]);
    expect(told()).toEqual([]);
  });
});

test('and where the part of each of them that fails is silenced, until another part fails, too', async () => {
  await ticks(1);
  silences = [silence({ component: '/data' })];
  full = ['/data'];
  await ticks(10);
  expect(told()).toEqual([]);
  full = ['/data', '/logs'];
  await ticks(1);
  expect(told()).toEqual(['SiteIncident Oslo FsFull firing']);
});
test.each([
  ['by its kind', { conditionId: 'SiteIncident' }],
  ['by its component, as it is listed', { component: 'Oslo Offline' }],
])('a site’s incident is silenced %s, and what it stands for with it', async (_what, named) => {
  await ticks(1);
  silences = [silence(named)];
  world.goDark(ids);
  await ticks(10);
  expect(told()).toEqual([]);
  silences = [];
  await ticks(2);
  expect(told()).toEqual(['SiteIncident Oslo Offline firing']);
});

describe('of a region that goes dark', () => {
  let region: string[];
  beforeEach(() => {
    region = furnishRegions(world, { inside: 30, outside: 60, each: 2 }).region;
  });
  const toldOf = (tenantId: string) =>
    world
      .heard()
      .flatMap((event) => (event.tenantId === tenantId ? `${event.conditionId} ${event.type}` : []));

  test('a customer’s share is silenced by its kind, and told at the end', async () => {
    await ticks(1);
    silences = [silence({ conditionId: 'SharedIncident' }, 1, 'customer-3')];
    world.goDark(region);
    await ticks(10);
    expect(toldOf('customer-3')).toEqual([]);
    silences = [];
    await ticks(2);
    expect(toldOf('customer-3')).toEqual(['SharedIncident firing']);
  });

  test('a customer’s share has no reminders while all of its gateways are silenced', async () => {
    await ticks(1);
    world.goDark(region);
    await ticks(10);
    expect(toldOf('customer-3')).toEqual(['SharedIncident firing']);
    silences = ['gw-3-0', 'gw-3-1'].map((gatewayId, n) => silence({ gatewayId }, n, 'customer-3'));
    world.now += 4 * 3_600_000;
    await ticks(2);
    const events = world.heard();
    const reminded = new Set(events.flatMap(({ type, tenantId }) => (type === 'reminder' ? tenantId : [])));
    expect([reminded.has('customer-3'), reminded.has('customer-4')]).toEqual([false, true]);
    silences.pop();
    await ticks(1);
    expect(toldOf('customer-3')).toEqual(['SharedIncident reminder']);
  });

  test('the provider’s pattern is held by a silence of the provider’s, with its evidence', async () => {
    await ticks(1);
    silences = [silence({ conditionId: 'Pattern' }, 1, fleetScope)];
    world.goDark(region);
    await ticks(10);
    expect(toldOf(fleetScope)).toEqual([]);
    const pattern = [...world.alerts.values()].find(({ conditionId }) => conditionId === 'Pattern');
    expect(pattern).toMatchObject({ state: 'FIRING', heldBy: 'silence/si-1', pattern: { value: 'north' } });
    silences = [];
    await ticks(2);
    expect(toldOf(fleetScope)).toEqual(['Pattern firing']);
  });
});
