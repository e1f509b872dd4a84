import type { ScenarioText } from './scenario.ts';
import { expectBinomial, plainScenario, watch, type SeenOnset } from './small-world.ts';

const of = (onsets: SeenOnset[], condition: string) =>
  onsets.filter((onset) => onset.condition === condition);
const release = {
  id: 'release',
  startHour: 2,
  endHour: 4,
  cause: [{ attribute: 'version', value: 'new' }],
  added: 0.05,
  conditions: ['Broken'],
};
const conditions = [
  { name: 'Broken', basePerWindow: 0.002 },
  { name: 'Slow', basePerWindow: 0.001 },
];

describe('what happens to a fleet', () => {
  it('is the same for the same seed, and another for another', () => {
    const scenario = plainScenario({ conditions, faults: [release], hardware: {} });
    const first = watch(scenario, 2_000, 7).onsets;
    expect(first.length).toBeGreaterThan(100);
    expect(watch(scenario, 2_000, 7).onsets).toEqual(first);
    expect(watch(scenario, 2_000, 8).onsets).not.toEqual(first);
  });

  it('stays as it was where a fault of another condition is added', () => {
    const before = watch(plainScenario({ conditions }), 2_000, 7).onsets;
    const after = watch(plainScenario({ conditions, faults: [release] }), 2_000, 7).onsets;
    expect(after.length).toBeGreaterThan(before.length);
    expect(of(after, 'Slow')).toEqual(of(before, 'Slow'));
  });

  it('begins at the base rate, and at the customer’s own where customers differ', () => {
    const rates = (frailty: number) => {
      const customers = { sizes: { kind: 'fixed' as const, gateways: 100 }, frailty };
      const { onsets } = watch(plainScenario({ conditions, customers, hours: 50 }), 10_000, 3);
      const perCustomer = new Map<string, number>();
      for (const { gatewayId } of of(onsets, 'Broken')) {
        const customer = gatewayId.slice(3).padStart(5, '0').slice(0, 3);
        perCustomer.set(customer, (perCustomer.get(customer) ?? 0) + 1);
      }
      return [...perCustomer.values()];
    };
    const alike = rates(0);
    expectBinomial(
      alike.reduce((sum, count) => sum + count, 0),
      10_000 * 200,
      0.002,
    );
    expect(Math.max(...alike)).toBeLessThan(40 + 5 * Math.sqrt(40));
    expect(Math.max(...rates(0.8))).toBeGreaterThan(40 + 8 * Math.sqrt(40));
  });

  it('adds a fault’s probability to those who carry the value, from its start to its end', () => {
    const { onsets, fleet } = watch(plainScenario({ faults: [release] }), 20_000, 3);
    const carriers = fleet.columns[0]!.of.filter((value) => value === 1).length;
    expect(new Set(onsets.map(({ attributes }) => attributes['version']))).toEqual(new Set(['new']));
    expect(new Set(onsets.map(({ window }) => window))).toEqual(new Set([8, 9, 10, 11, 12, 13, 14, 15]));
    expectBinomial(onsets.length, carriers * 8, 0.05);
  });

  it('lets two faults, and two bursts, of one time hit independently of each other', () => {
    const times = { startHour: 0, endHour: 1, added: 0.1 };
    const { cause } = release;
    const both = (onsets: SeenOnset[]) => {
      const broken = new Set(of(onsets, 'Broken').map(({ window, gatewayId }) => `${window} ${gatewayId}`));
      return of(onsets, 'Slow').filter(({ window, gatewayId }) => broken.has(`${window} ${gatewayId}`))
        .length;
    };
    const quiet = conditions.map(({ name }) => ({ name, basePerWindow: 0 }));
    const faults = ['Broken', 'Slow'].map((name) => ({ ...times, id: name, cause, conditions: [name] }));
    const bursts = ['Broken', 'Slow'].map((name) => ({ ...times, conditions: [name] }));
    const faulty = watch(plainScenario({ conditions: quiet, faults, hours: 1 }), 10_000, 3);
    const carriers = faulty.fleet.columns[0]!.of.filter((value) => value === 1).length;
    expectBinomial(both(faulty.onsets), carriers * 4, 0.01);
    expectBinomial(
      both(watch(plainScenario({ conditions: quiet, bursts, hours: 1 }), 10_000, 3).onsets),
      40_000,
      0.01,
    );
  });

  it('hits with a pair only who carries both', () => {
    const attributes: ScenarioText['attributes'] = [
      { name: 'version', values: { old: 1, new: 1 } },
      { name: 'disk', values: { red: 1, blue: 1 } },
    ];
    const cause = [...release.cause, { attribute: 'disk', value: 'red' }];
    const { onsets } = watch(plainScenario({ attributes, faults: [{ ...release, cause }] }), 2_000, 3);
    expect(new Set(onsets.map(({ attributes: { version, disk } }) => `${version} ${disk}`))).toEqual(
      new Set(['new red']),
    );
  });

  it('differs between values all along where the scenario says so', () => {
    const chronic = [{ attribute: 'version', value: 'old', conditions: ['Broken'], factor: 5 }];
    const { onsets, fleet } = watch(plainScenario({ conditions, chronic }), 20_000, 3);
    const old = fleet.columns[0]!.of.filter((value) => value === 0).length;
    const count = (version: string) =>
      of(onsets, 'Broken').filter(({ attributes }) => attributes['version'] === version).length;
    expectBinomial(count('old'), old * 96, 0.01);
    expectBinomial(count('new'), (20_000 - old) * 96, 0.002);
  });

  it('has bursts that hit everybody', () => {
    const bursts = [{ startHour: 1, endHour: 2, added: 0.03, conditions: ['Broken'] }];
    const { onsets } = watch(plainScenario({ bursts }), 10_000, 3);
    expectBinomial(onsets.length, 10_000 * 4, 0.03);
    expectBinomial(
      onsets.filter(({ attributes }) => attributes['version'] === 'new').length,
      onsets.length,
      0.5,
    );
  });

  it('begins a condition again only after it has cleared', () => {
    const lasting = [{ name: 'Broken', basePerWindow: 0.5, clearsAfterWindows: 3 }];
    const { onsets } = watch(plainScenario({ conditions: lasting }), 20, 3);
    for (const gatewayId of new Set(onsets.map((onset) => onset.gatewayId))) {
      const windows = onsets.filter((onset) => onset.gatewayId === gatewayId).map(({ window }) => window);
      for (const [i, window] of windows.slice(1).entries())
        expect(window - windows[i]!).toBeGreaterThanOrEqual(3);
    }
  });
});

describe('disks and memory', () => {
  const year = { windowMinutes: 1_440, hours: 8_760, conditions: [{ name: 'Broken', basePerWindow: 0 }] };

  it('fail as often as published: disks 1.6 % a year, most without a sign, and 8 % of DIMMs have errors', () => {
    const { onsets, timeline } = watch(plainScenario({ ...year, hardware: {} }), 10_000, 3);
    expectBinomial(of(onsets, 'DiskFailed').length, 120_000, 0.016);
    const { shown } = timeline.sights;
    expect(shown.get('disk after scan error')).toBeGreaterThan(0);
    expect(shown.get('disk')! / of(onsets, 'DiskFailed').length).toBeGreaterThan(0.8);
    // A gateway's condition lasts a day, which hides a second DIMM of it: one in some thousands.
    expectBinomial(of(onsets, 'EccErrors').length, 80_000, 0.08);
  });

  it('of a bad model fail as many times more often', () => {
    const hardware = { modelAttribute: 'version', modelFactors: { old: 4 } };
    const { onsets, fleet } = watch(plainScenario({ ...year, hardware }), 10_000, 3);
    const old = fleet.columns[0]!.of.filter((value) => value === 0).length;
    const failed = of(onsets, 'DiskFailed').filter(
      ({ attributes }) => attributes['version'] === 'old',
    ).length;
    expectBinomial(failed, old * 12, 4 * 0.016);
  });

  it('fail 39 times as often in the 60 days after a scan error', () => {
    const hardware = { disksPerGateway: 1, scanErrorAnnualRate: 0.2 };
    const { onsets } = watch(plainScenario({ ...year, hardware }), 50_000, 3);
    const errorAt = new Map(of(onsets, 'SmartPrefail').map(({ gatewayId, window }) => [gatewayId, window]));
    const failed = of(onsets, 'DiskFailed');
    const after = failed.filter(({ gatewayId, window }) => {
      const error = errorAt.get(gatewayId) ?? Infinity;
      return window > error && window <= error + 60;
    });
    const daysAfter = [...errorAt.values()].reduce((sum, window) => sum + Math.min(60, 364 - window), 0);
    const otherDays = 50_000 * 365 - daysAfter;
    // Those whose error lies before the year fail among the others in its first 60 days.
    const others = failed.filter(({ window }) => window >= 60).length - after.length;
    const ratio = after.length / daysAfter / (others / (otherDays * (305 / 365)));
    expect(ratio).toBeGreaterThan(39 * 0.8);
    expect(ratio).toBeLessThan(39 * 1.25);
  });
});
