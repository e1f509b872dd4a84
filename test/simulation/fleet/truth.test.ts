import { defaultScenario } from './default-scenario.ts';
import { parseScenario } from './scenario.ts';
import { plainScenario, watch } from './small-world.ts';

describe('the truth that is kept', () => {
  it('has a cause for every onset that a scan shows', () => {
    const { onsets, timeline } = watch(parseScenario({ ...defaultScenario, warmUpHours: 1 }, 'it'), 5_000, 7);
    const { shown } = timeline.sights;
    expect([...shown.values()].reduce((sum, count) => sum + count, 0)).toBe(onsets.length);
    for (const { id, gateways } of timeline.truth.faults)
      expect([id, shown.get(id)! > 0, gateways > 0]).toEqual([id, true, true]);
  });

  it('has the outage behind each loss, who was in it, and shows nothing of them until it is over', () => {
    const outages = [{ domain: 'site', perYear: 200, minutes: 90, conditions: ['Offline'] }];
    const conditions = [
      { name: 'Offline', basePerWindow: 0, isSilent: true },
      { name: 'Slow', basePerWindow: 0.2 },
    ];
    const customers = { sizes: { kind: 'fixed' as const, gateways: 8 }, gatewaysPerSite: 4 };
    const { onsets, timeline } = watch(plainScenario({ outages, conditions, customers }), 400, 3);
    const lost = onsets.filter(({ condition }) => condition === 'Offline');
    expect(lost.length).toBeGreaterThan(40);
    for (const { window, attributes } of lost) {
      const outage = timeline.truth.outages.find(
        ({ value, startWindow }) => value === attributes['site'] && startWindow === window,
      )!;
      expect(outage.gateways).toBe(4);
      expect(
        lost.filter((one) => one.window === window && one.attributes['site'] === outage.value),
      ).toHaveLength(4);
      const shownMeanwhile = onsets.filter(
        (one) =>
          one.attributes['site'] === outage.value && one.window > window && one.window < outage.endWindow,
      );
      expect(shownMeanwhile).toEqual([]);
    }
    expect(timeline.sights.hidden).toBeGreaterThan(0);
  });

  it('never shows what happens to a gateway that nobody hears of', () => {
    const conditions = [{ name: 'Broken', basePerWindow: 0.3 }];
    const { onsets, timeline } = watch(plainScenario({ conditions, staleShare: 1 }), 50, 3);
    expect(onsets).toEqual([]);
    expect(timeline.sights.hidden).toBeGreaterThan(0);
  });

  const fault = {
    id: 'f',
    startHour: 1,
    endHour: 2,
    cause: [{ attribute: 'version', value: 'new' }],
    added: 0.05,
    conditions: ['Broken'],
  };
  it.each([
    ['enough customers', 1_000, {}, {}, undefined],
    ['too few customers', 400, {}, {}, /^\d+ customers carry it, fewer than 300$/],
    ['too few for so small a fault', 1_000, { added: 0.02 }, {}, /fewer than 700$/],
    ['too little added', 1_000, { added: 0.019 }, {}, /^adds less than 0.02$/],
    [
      'a high base rate',
      1_000,
      {},
      { conditions: [{ name: 'Broken', basePerWindow: 0.002 }] },
      /begin at 0.002 a window/,
    ],
    [
      'a chronic difference that lifts the base',
      1_000,
      {},
      {
        conditions: [{ name: 'Broken', basePerWindow: 0.0005 }],
        chronic: [{ attribute: 'version', value: 'new', conditions: ['Broken'], factor: 3 }],
      },
      /begin at 0.0015 a window/,
    ],
  ])('says whether recall counts a fault with %s', (_, gateways, change, scenario, why) => {
    const { truth } = watch(
      plainScenario({ ...scenario, faults: [{ ...fault, ...change }] }),
      gateways,
      3,
    ).timeline;
    const { isEligible, notEligible } = truth.faults[0]!;
    expect(isEligible).toBe(why === undefined);
    if (why) expect(notEligible).toMatch(why);
  });

  it('has the value that the seed drew, one that enough customers carry', () => {
    const drawn = (seed: number) => {
      const attributes = [{ name: 'version', values: { a: 40, b: 40, rare: 1 } }];
      const faults = [{ ...fault, cause: [{ attribute: 'version' }] }];
      return watch(plainScenario({ attributes, faults, hours: 2 }), 2_000, seed).timeline.truth.faults[0]!;
    };
    const all = Array.from({ length: 12 }, (_, seed) => drawn(seed));
    expect(new Set(all.map(({ cause }) => cause[0]!.value))).toEqual(new Set(['a', 'b']));
    expect(all.every(({ isEligible }) => isEligible)).toBe(true);
  });
});
