import { fleetScope } from '../../../core/audit/actions.ts';
import type { AlertEvent } from '../../../core/alert-event.ts';
import type { ConditionOverride } from '../../../core/conditions/settings.ts';
import { runTick } from '../../../lambda/alerts/tick.ts';
import { minutes, statusItem, volume } from '../../support/fleet.ts';
import { seeded } from '../../support/random.ts';
import { furnishRegions, TickWorld, tickMs } from '../../support/tick-world.ts';

async function ticks(world: TickWorld, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await world.tick();
}
const told = (events: AlertEvent[]): string[] =>
  events.map(({ tenantId, conditionId, type }) => `${tenantId} ${conditionId} ${type}`).sort();
const held = (world: TickWorld): number =>
  [...world.alerts.values()].filter(({ inhibitedBy }) => inhibitedBy !== undefined).length;

/** 90 customers with two gateways each; a third of them is in the region. */
function smallWorld(): { world: TickWorld; region: string[] } {
  const world = new TickWorld();
  return { world, region: furnishRegions(world, { inside: 30, outside: 60, each: 2 }).region };
}
const isOfPattern = ({ conditionId }: AlertEvent): boolean => conditionId === 'Pattern';

describe('a pattern', () => {
  it('fires once however long it lasts and however its twins change places, and not again for the same failures', async () => {
    const { world, region } = smallWorld();
    await ticks(world, 1);
    world.goDark(region);
    await ticks(world, 12);
    // All of the region has one provider: nobody can tell the two apart.
    for (const gatewayId of region) {
      const gateway = world.gateways.get(gatewayId)!;
      world.gateways.set(gatewayId, { ...gateway, labels: { region: 'north', isp: 'fjordnet' } });
    }
    await ticks(world, 12);
    world.comeBack(region);
    await ticks(world, 60);
    const events = world.heard();
    expect(told(events.filter(isOfPattern))).toEqual([
      `${fleetScope} Pattern firing`,
      `${fleetScope} Pattern resolved`,
    ]);
    const shared = events.filter(({ conditionId }) => conditionId === 'SharedIncident');
    expect(shared.filter(({ type }) => type === 'firing')).toHaveLength(30);
    expect(shared.filter(({ type }) => type === 'resolved')).toHaveLength(30);
    expect(events.filter(({ conditionId }) => conditionId === 'Offline')).toEqual([]);
  });

  it('tells customers nothing of what others have in common with them', async () => {
    const { world, region } = smallWorld();
    await ticks(world, 1);
    world.goDark(region);
    await ticks(world, 8);
    const toCustomers = world.heard().filter(({ tenantId }) => tenantId !== fleetScope);
    expect(toCustomers.length).toBeGreaterThan(0);
    for (const { summary, component } of toCustomers)
      expect(`${summary} ${component}`).not.toMatch(/north|region/);
  });

  it('is as severe for a customer as that calls what it stands for', async () => {
    const { world, region } = smallWorld();
    const { tenantId } = world.gateways.get(region[0]!)!;
    world.settings.push({ tenantId, version: 1, overrides: { Offline: { severity: 'warning' } } });
    await ticks(world, 1);
    world.goDark(region);
    await ticks(world, 8);
    const shared = world.heard().filter(({ conditionId }) => conditionId === 'SharedIncident');
    expect(shared).toHaveLength(30);
    for (const event of shared)
      expect([event.tenantId, event.severity]).toEqual([
        event.tenantId,
        event.tenantId === tenantId ? 'warning' : 'critical',
      ]);
  });

  it('gives the provider what it was found by', async () => {
    const { world, region } = smallWorld();
    await ticks(world, 1);
    world.goDark(region);
    await ticks(world, 3);
    const { pattern } = [...world.alerts.values()].find(({ conditionId }) => conditionId === 'Pattern')!;
    expect(pattern).toMatchObject({
      ...{ conditionId: 'Offline', attribute: 'region', value: 'north' },
      ...{ hitCustomers: 30, failingGateways: 60, carriers: { customers: 30, gateways: 60 } },
      outside: { hitCustomers: 0 },
      windowMs: 15 * minutes,
    });
    expect(pattern!.gateways).toHaveLength(50);
    expect(pattern!.logPValue).toBeLessThan(Math.log(1e-9));
  });

  it('keeps nothing back once the detector has failed for two ticks', async () => {
    const { world, region } = smallWorld();
    const failures: string[] = [];
    world.log = (_level, event) => void failures.push(event);
    await ticks(world, 1);
    world.goDark(region);
    await ticks(world, 8);
    expect(held(world)).toBe(60);
    world.heard();
    world.detectorFails = true;
    await ticks(world, 2);
    expect(held(world)).toBe(60);
    await ticks(world, 2);
    expect(held(world)).toBe(0);
    expect(failures).toContain('patterns.failed');
    const offline = world.heard().filter(({ conditionId }) => conditionId === 'Offline');
    expect(offline).toHaveLength(60);
  });

  it.each<[string, () => Promise<boolean>]>([
    ['fails', () => Promise.reject(new Error('the detector’s table takes nothing'))],
    ['meets another version each time', () => Promise.resolve(false)],
  ])('lets what is pending fire where keeping what it remembers %s', async (_, save) => {
    const { world } = smallWorld();
    await ticks(world, 1);
    const [gatewayId] = world.gateways.keys();
    world.goDark([gatewayId!]);
    for (let i = 0; i < 12; i++) {
      world.passMinute();
      const { patterns, ...deps } = world.deps();
      await runTick({ ...deps, patterns: { ...patterns!, detector: { ...patterns!.detector, save } } });
    }
    expect(world.heard().map((event) => [event.gatewayId, event.conditionId])).toContainEqual([
      gatewayId,
      'Offline',
    ]);
  });

  it('that cannot be written keeps nobody else from being told', async () => {
    const { world, region } = smallWorld();
    await ticks(world, 1);
    world.goDark(region);
    for (let i = 0; i < 20; i++) {
      world.passMinute();
      const deps = world.deps();
      const put: typeof deps.alerts.put = (item) =>
        item.gatewayId === '' ? Promise.reject(new Error('too large')) : deps.alerts.put(item);
      await runTick({ ...deps, alerts: { ...deps.alerts, put } }).catch((thrown: unknown) =>
        expect(thrown).toMatchObject({ code: 'INTERNAL' }),
      );
    }
    const offline = world.heard().filter(({ conditionId }) => conditionId === 'Offline');
    expect(offline).toHaveLength(60);
  });

  it('keeps back nothing that a command answers', async () => {
    const { world, region } = smallWorld();
    await ticks(world, 1);
    const report = () => {
      for (const gatewayId of region) {
        const { tenantId } = world.gateways.get(gatewayId)!;
        const lost = { volumes: [volume({ state: 'failed' })] };
        world.statuses.set(gatewayId, statusItem({ gatewayId, tenantId, receivedAt: world.now }, lost));
      }
    };
    for (const gatewayId of region) world.dark.add(gatewayId);
    for (let i = 0; i < 3; i++) {
      world.now += tickMs;
      report();
      await world.look();
    }
    const events = world.heard();
    expect(events.filter(isOfPattern).map(({ component }) => component)).toEqual([
      'VolumeIrrecoverable region=north',
    ]);
    expect(events.filter(({ conditionId }) => conditionId === 'VolumeIrrecoverable')).toHaveLength(60);
  });

  it('keeps back nothing that its owner’s own settings call news', async () => {
    const { world, region } = smallWorld();
    world.settings.push({
      ...{ tenantId: 'customer-3', version: 1 },
      overrides: { Offline: { severity: 'info' } },
    });
    await ticks(world, 1);
    world.goDark(region);
    await ticks(world, 8);
    const ofIt = world.heard().filter(({ tenantId }) => tenantId === 'customer-3');
    expect(told(ofIt)).toEqual(Array(2).fill('customer-3 Offline firing'));
  });

  it('is a fleet event where everybody fails: one for the provider, one a customer', async () => {
    const { world } = smallWorld();
    await ticks(world, 1);
    // Their cells are heard of: one gateway of each customer still reports.
    const all = [...world.gateways.keys()].filter((gatewayId) => gatewayId.endsWith('-1'));
    for (const gatewayId of all) {
      const { labels: _labels, ...gateway } = world.gateways.get(gatewayId)!;
      world.gateways.set(gatewayId, gateway);
    }
    for (const [gatewayId, gateway] of world.gateways)
      world.gateways.set(gatewayId, { ...gateway, labels: undefined });
    world.goDark(all);
    await ticks(world, 8);
    const events = world.heard();
    expect(events.filter(isOfPattern).map(({ component }) => component)).toEqual(['Offline *=*']);
    expect(events.filter(({ conditionId }) => conditionId === 'SharedIncident')).toHaveLength(90);
    expect(events.filter(({ conditionId }) => conditionId === 'Offline')).toEqual([]);
  });
});

describe('a site', () => {
  const site = (world: TickWorld, name: string | undefined, count: number): string[] =>
    Array.from({ length: count }, (_, i) => {
      const gatewayId = `gw-${name ?? 'none'}-${i}`;
      world.add({ gatewayId, tenantId: 'acme', labels: name === undefined ? undefined : { site: name } });
      return gatewayId;
    });

  it('whose gateways fail together is one incident of its owner, and no pattern', async () => {
    const world = new TickWorld();
    const [oslo] = [site(world, 'Oslo', 6), site(world, 'Bergen', 6)];
    await ticks(world, 1);
    world.goDark(oslo);
    await ticks(world, 8);
    const [event, ...others] = world.heard();
    expect(others).toEqual([]);
    expect(event).toMatchObject({
      tenantId: 'acme',
      conditionId: 'SiteIncident',
      component: 'Oslo Offline',
      gatewayId: '',
    });
    expect(event!.summary).toBe('Offline at 6 of 6 gateways at Oslo together');
    world.comeBack(oslo.slice(1));
    await ticks(world, 4);
    expect(told(world.heard())).toEqual(['acme Offline firing', 'acme SiteIncident resolved']);
    world.comeBack(oslo);
    await ticks(world, 3);
    expect(told(world.heard())).toEqual(['acme Offline resolved']);
  });

  it('of which a few of many fail has no incident: each is told', async () => {
    const world = new TickWorld();
    const many = site(world, undefined, 20);
    await ticks(world, 1);
    world.goDark(many.slice(0, 4));
    await ticks(world, 8);
    expect(told(world.heard())).toEqual(Array(4).fill('acme Offline firing'));
  });

  describe('has no incident that its owner’s own settings', () => {
    const set = (world: TickWorld, override: ConditionOverride) =>
      world.settings.push({ tenantId: 'acme', version: 1, overrides: { Offline: override } });

    it('have switched off', async () => {
      const world = new TickWorld();
      set(world, { isOff: true });
      const oslo = site(world, 'Oslo', 6);
      await ticks(world, 1);
      world.goDark(oslo);
      await ticks(world, 20);
      expect(told(world.heard())).toEqual([]);
    });

    it('call news: each is told, as all others of that severity', async () => {
      const world = new TickWorld();
      set(world, { severity: 'info' });
      const oslo = site(world, 'Oslo', 6);
      await ticks(world, 1);
      world.goDark(oslo);
      await ticks(world, 8);
      expect(told(world.heard())).toEqual(Array(6).fill('acme Offline firing'));
    });

    it('make a warning, is a warning', async () => {
      const world = new TickWorld();
      set(world, { severity: 'warning' });
      const oslo = site(world, 'Oslo', 6);
      await ticks(world, 1);
      world.goDark(oslo);
      await ticks(world, 8);
      const [incident, ...others] = world.heard();
      expect(others).toEqual([]);
      expect(incident).toMatchObject({ conditionId: 'SiteIncident', severity: 'warning' });
    });

    it('wait longer for, until that time is over', async () => {
      const world = new TickWorld();
      set(world, { forMs: 20 * minutes });
      const oslo = site(world, 'Oslo', 6);
      await ticks(world, 1);
      world.goDark(oslo);
      await ticks(world, 19);
      expect(told(world.heard())).toEqual([]);
      await ticks(world, 3);
      expect(told(world.heard())).toEqual(['acme SiteIncident firing']);
    });

    it('end while it is open: the incident is resolved, and its gateways are silent', async () => {
      const world = new TickWorld();
      const oslo = site(world, 'Oslo', 6);
      await ticks(world, 1);
      world.goDark(oslo);
      await ticks(world, 8);
      expect(told(world.heard())).toEqual(['acme SiteIncident firing']);
      set(world, { isOff: true });
      await ticks(world, 3);
      expect(told(world.heard())).toEqual(['acme SiteIncident resolved']);
    });
  });
});

describe('a proxy that was away', () => {
  it('does not take what was pending then for what lasted', async () => {
    const { world, region } = smallWorld();
    await ticks(world, 1);
    world.goDark(region);
    await ticks(world, 1);
    // The rest of the control plane was away with it, and everybody is on the way back.
    world.now += 120 * minutes;
    await ticks(world, 1);
    expect(
      world
        .heard()
        .filter(({ conditionId }) => conditionId === 'Offline' || conditionId === 'SharedIncident'),
    ).toEqual([]);
    world.comeBack(region);
    await ticks(world, 10);
    expect(world.heard().filter(({ tenantId }) => tenantId !== fleetScope)).toEqual([]);
  });
});

test('whatever crashes, each firing that goes out gets its resolve, of patterns, incidents and gateways alike', async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const random = seeded(seed);
    const { world, region } = smallWorld();
    const crashing = (left: number) => {
      const effect = async <T>(perform: () => T): Promise<T> => {
        await Promise.resolve();
        left -= 1;
        if (left < 0) throw new Error('crashed');
        if (left > 0) return perform();
        if (random() < 0.5) perform();
        throw new Error('crashed');
      };
      return effect;
    };
    const somewhere = () => crashing(1 + Math.floor(random() * 150));
    const live = async (count: number) => {
      for (let i = 0; i < count; i++) {
        const runs = Array.from({ length: random() < 0.2 ? 2 : 1 }, () =>
          random() < 0.4 ? world.look(somewhere()) : world.look(),
        );
        world.now += tickMs;
        await Promise.allSettled(runs);
      }
    };
    await ticks(world, 1);
    world.goDark(region);
    await live(14);
    world.comeBack(region.filter(() => random() < 0.9));
    await live(30);
    world.comeBack(region);
    await ticks(world, 40);
    const byAlert = Map.groupBy(world.heard(), ({ alertKey }) => alertKey);
    for (const events of byAlert.values()) {
      const types = events.sort((a, b) => a.seq - b.seq).map(({ type }) => type);
      expect({ seed, of: events[0]!.conditionId, types }).toEqual({
        ...{ seed, of: events[0]!.conditionId },
        types: types.map((_, i) => (i % 2 ? 'resolved' : 'firing')),
      });
      expect({ seed, of: events[0]!.conditionId, left: types.length % 2 }).toMatchObject({ left: 0 });
    }
    expect({ seed, held: held(world) }).toEqual({ seed, held: 0 });
  }
});
