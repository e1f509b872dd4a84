import type { AlertEvent } from '../../../core/alert-event.ts';
import { fleetScope } from '../../../core/audit/actions.ts';
import { silentLog } from '../../../core/log.ts';
import type { AlertItem, GatewayItem, StatusItem } from '../../../core/model.ts';
import { volumeStates } from '../../../core/status.ts';
import type { TickDeps } from '../../../lambda/alerts/ports.ts';
import { runTick } from '../../../lambda/alerts/tick.ts';
import {
  conditionLimits,
  gatewayItem,
  hours,
  minutes,
  statusItem,
  pagesOf,
  t0,
  volume,
} from '../../support/fleet.ts';
import { seeded } from '../../support/random.ts';

/** Schedules of random states, crashes between any two effects, refused events, stale indexes and rival proxies. */
class World {
  readonly random: () => number;
  readonly stored = new Map<string, AlertItem>();
  readonly events: AlertEvent[] = [];
  gateways: GatewayItem[];
  statuses: StatusItem[] = [];
  now = t0;
  #olderIndex: AlertItem[] = [];

  constructor(seed: number) {
    this.random = seeded(seed);
    this.gateways = ['gw-1', 'gw-2'].map((gatewayId) => gatewayItem({ gatewayId }));
  }

  /** The ports of one run of the proxy. It dies at a random effect, just before or just after it, when it is to. */
  run(crashes: boolean): TickDeps {
    let left = crashes ? 1 + Math.floor(this.random() * 12) : Infinity;
    const effect = async <T>(perform: () => T): Promise<T> => {
      await Promise.resolve();
      left -= 1;
      if (left < 0) throw new Error('crashed');
      if (left > 0) return perform();
      if (this.random() < 0.5) perform();
      throw new Error('crashed');
    };
    return {
      alerts: {
        open: () => effect(() => this.index()),
        get: (key) => effect(() => this.stored.get(key)),
        put: (item) =>
          effect(() => {
            if ((this.stored.get(item.alertKey)?.version ?? 0) !== item.version - 1) return false;
            this.stored.set(item.alertKey, structuredClone(item));
            return true;
          }),
      },
      fleet: {
        statuses: () => pagesOf(effect(() => this.statuses)),
        gateways: () => pagesOf(effect(() => this.gateways)),
      },
      events: {
        put: (events) =>
          effect(() => {
            const taken = events.filter(() => !crashes || this.random() < 0.7);
            this.events.push(...taken);
            return new Set(taken.map(({ eventId }) => eventId));
          }),
      },
      limits: conditionLimits,
      now: () => this.now,
      log: silentLog,
    };
  }

  /** Open alerts as a global index shows them: now and then as they were a tick ago. */
  index(): AlertItem[] {
    const listed = [...this.stored.values()].filter(({ openShard }) => openShard !== undefined);
    const older = this.#olderIndex;
    this.#olderIndex = structuredClone(listed);
    return structuredClone(this.random() < 0.2 ? older : listed);
  }

  report(state: () => (typeof volumeStates)[number], fresh: () => boolean): void {
    this.statuses = this.gateways.map(({ gatewayId }) =>
      statusItem(
        { gatewayId, receivedAt: fresh() ? this.now : this.now - hours },
        { volumes: ['v1', 'v2'].map((volumeId) => volume({ volumeId, state: state() })) },
      ),
    );
  }
}

async function live(seed: number): Promise<World> {
  const world = new World(seed);
  const { random } = world;
  for (let tick = 0; tick < 60; tick++) {
    world.now += minutes * (1 + Math.floor(random() * 20));
    world.report(
      () => volumeStates[Math.floor(random() * volumeStates.length)]!,
      () => random() < 0.8,
    );
    const rivals = Array.from({ length: random() < 0.2 ? 2 : 1 }, () => runTick(world.run(random() < 0.5)));
    await Promise.allSettled(rivals);
  }
  for (let tick = 0; tick < 12; tick++) {
    // An onset is remembered for a day.
    world.now += 3 * hours;
    world.report(
      () => 'healthy',
      () => true,
    );
    await runTick(world.run(false));
  }
  return world;
}

/** The distinct events of each alert, in the order of their numbers. */
function distinct(events: AlertEvent[]): AlertEvent[][] {
  const byId = new Map(events.map((event) => [event.eventId, event]));
  const ordered = [...byId.values()].sort((a, b) => a.seq - b.seq);
  return [...Map.groupBy(ordered, ({ alertKey }) => alertKey).values()];
}

test('every firing that goes out gets exactly one resolve, whatever crashes', async () => {
  let repeated = 0;
  const runs = Number(process.env['HOLDFAST_CRASH_SCHEDULES'] ?? 60);
  for (let seed = 1; seed <= runs; seed++) {
    const world = await live(seed);
    const alerts = distinct(world.events);
    repeated += world.events.length - alerts.flat().length;
    for (const all of alerts) {
      expect(all.map(({ seq }) => seq)).toEqual(all.map((_, i) => i + 1));
      const events = all.filter(({ type }) => type !== 'reminder');
      const types = events.map(({ type }) => type);
      const expected = events.map((_, i) => (i % 2 ? 'resolved' : 'firing'));
      expect({ seed, types }).toEqual({ seed, types: expected });
      expect({ seed, resolved: events.length % 2 }).toEqual({ seed, resolved: 0 });
      for (let i = 1; i < events.length; i += 2) expect(events[i]!.episode).toBe(events[i - 1]!.episode);
    }
    for (const item of world.stored.values())
      expect({ seed, outbox: item.outbox, shard: item.openShard }).toEqual({
        seed,
        outbox: [],
        shard: undefined,
      });
  }
  // The schedules do crash between emission and removal, or the test would show nothing.
  expect(repeated).toBeGreaterThan(runs / 10);
});

test('one gateway that cannot be judged does not keep the others from theirs', async () => {
  const world = new World(1);
  world.report(
    () => 'failed',
    () => true,
  );
  world.statuses[0]!.heartbeat.volumes = undefined as never;
  await expect(runTick(world.run(false))).rejects.toMatchObject({ code: 'INTERNAL' });
  expect(new Set(world.events.map(({ gatewayId }) => gatewayId))).toEqual(new Set(['gw-2']));
});

test('a dead cell freezes its gateways: nobody is heard, and the provider alone hears of it, once', async () => {
  const world = new World(1);
  world.gateways = Array.from({ length: 6 }, (_, i) =>
    gatewayItem({ gatewayId: `gw-${i}`, tenantId: `tenant-${i % 2}` }),
  );
  world.statuses = world.gateways.map(({ gatewayId }) => statusItem({ gatewayId, receivedAt: t0 }));
  for (let minute = 0; minute <= 60; minute++) {
    world.now = t0 + minute * minutes;
    await runTick(world.run(false));
  }
  expect(world.events.map(({ tenantId, conditionId }) => [tenantId, conditionId])).toEqual([
    [fleetScope, 'CellSilent'],
  ]);
  expect((await runTick(world.run(false))).frozenCells).toEqual(['cell-1']);
});

test('the silence of a single customer’s gateways is one incident of their own', async () => {
  const world = new World(1);
  world.gateways = Array.from({ length: 6 }, (_, i) => gatewayItem({ gatewayId: `gw-${i}` }));
  world.statuses = world.gateways.map(({ gatewayId }) => statusItem({ gatewayId, receivedAt: t0 }));
  for (let minute = 0; minute <= 30; minute++) {
    world.now = t0 + minute * minutes;
    await runTick(world.run(false));
  }
  expect(world.events.map(({ conditionId }) => conditionId)).toEqual(['SiteIncident']);
});
