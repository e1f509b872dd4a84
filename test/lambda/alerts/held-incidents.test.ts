import { newSilence } from '../../../core/alerts/silences.ts';
import type { SilenceItem } from '../../../core/alerts/model.ts';
import type { Configuration } from '../../../core/configuration/configuration.ts';
import { runTick } from '../../../lambda/alerts/tick.ts';
import { statusItem } from '../../support/fleet.ts';
import { TickWorld, tickMs } from '../../support/tick-world.ts';

let world: TickWorld;
let silences: SilenceItem[];
let configuration: Configuration | undefined;
let ids: string[];
/** Mounts that are full, at every gateway of the site. */
let full: string[];
beforeEach(() => {
  full = [];
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
      holds: { silences: async () => silences, configuration: async () => configuration },
    });
  }
}
const told = () =>
  world.heard().map(({ conditionId, component, type }) => `${conditionId} ${component} ${type}`);
const silence = (named: object, n = 1) =>
  newSilence(
    { why: 'w', forMs: 3_600_000, ...named },
    { tenantId: 'acme', silenceId: `si-${n}`, by: 'ann', at: world.now },
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
