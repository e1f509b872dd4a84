import type { ScenarioText } from './scenario.ts';
import { makeFleet, type Fleet } from './fleet.ts';
import { plainScenario, expectBinomial } from './small-world.ts';

/** How many pairs of neighbours within a customer (or site) carry the same value. */
function sharedShare({ customerOf, columns, gatewayCount }: Fleet, attribute: string): number {
  const { of } = columns.find(({ name }) => name === attribute)!;
  let [pairs, shared] = [0, 0];
  for (let i = 1; i < gatewayCount; i++)
    if (customerOf[i] === customerOf[i - 1]) {
      pairs++;
      if (of[i] === of[i - 1]) shared++;
    }
  return shared / pairs;
}

const column = ({ columns }: Fleet, attribute: string) => columns.find(({ name }) => name === attribute)!;

describe('the fleet', () => {
  it('is the same for the same seed, and another for another', () => {
    const scenario = plainScenario({ customers: { sizes: { kind: 'pareto', shape: 1.2, max: 500 } } });
    expect(makeFleet(scenario, 2_000, 7)).toEqual(makeFleet(scenario, 2_000, 7));
    expect(makeFleet(scenario, 2_000, 7)).not.toEqual(makeFleet(scenario, 2_000, 8));
  });

  it('has as many gateways as asked, and a few customers with many of them', () => {
    const sizes = (kind: 'pareto' | 'fixed') => {
      const { customerStarts } = makeFleet(
        plainScenario({
          customers: {
            sizes: kind === 'pareto' ? { kind, shape: 1.2, max: 2_000 } : { kind, gateways: 5 },
          },
        }),
        20_000,
        3,
      );
      return [...customerStarts.slice(1)].map((end, i) => end - customerStarts[i]!).sort((a, b) => b - a);
    };
    const shareOfLargest = (of: number[]) =>
      of.slice(0, Math.ceil(of.length / 100)).reduce((sum, size) => sum + size, 0) / 20_000;

    expect(sizes('pareto').reduce((sum, size) => sum + size, 0)).toBe(20_000);
    expect(shareOfLargest(sizes('pareto'))).toBeGreaterThan(0.2);
    expect(shareOfLargest(sizes('fixed'))).toBeCloseTo(0.01, 3);
  });

  it('draws sizes from a list by weight', () => {
    const sizes = { kind: 'listed' as const, weights: { '1': 3, '10': 1 } };
    const { customerStarts } = makeFleet(plainScenario({ customers: { sizes } }), 30_000, 3);
    const all = [...customerStarts.slice(1)].map((end, i) => end - customerStarts[i]!).slice(0, -1);
    expect(new Set(all)).toEqual(new Set([1, 10]));
    expectBinomial(all.filter((size) => size === 10).length, all.length, 1 / 4);
  });

  it('gives a customer’s gateways mostly one value where it clusters, and not where it does not', () => {
    const values = { a: 1, b: 1, c: 1, d: 1, e: 1 };
    const customers = { sizes: { kind: 'fixed' as const, gateways: 12 }, gatewaysPerSite: 3 };
    const attributes: ScenarioText['attributes'] = [
      { name: 'together', values, ofCustomer: 0.95 },
      { name: 'bySite', values, ofCustomer: 0, ofSite: 1 },
      { name: 'apart', values, ofCustomer: 0, ofSite: 0 },
    ];
    const fleet = makeFleet(plainScenario({ customers, attributes }), 12_000, 5);
    expect(sharedShare(fleet, 'together')).toBeGreaterThan(0.93);
    // Of eleven pairs of neighbours three are of two sites, and a fifth of those agree by chance.
    expect(sharedShare(fleet, 'bySite')).toBeCloseTo(8 / 11 + 3 / 11 / 5, 1);
    expect(sharedShare(fleet, 'apart')).toBeCloseTo(0.2, 1);
  });

  it('carries values by weight, by share, and not at all, as often as asked', () => {
    const attributes: ScenarioText['attributes'] = [
      { name: 'weighed', values: { one: 1, three: 3 } },
      { name: 'shared', values: { most: { share: 0.97 }, rest: 5 } },
      { name: 'rare', values: { only: 1 }, carriedShare: 0.3 },
      { name: 'skewed', generated: { count: 3, skew: 1 } },
    ];
    const fleet = makeFleet(plainScenario({ attributes }), 20_000, 11);
    const count = (attribute: string, value: number) =>
      column(fleet, attribute).of.reduce((sum, of) => sum + Number(of === value), 0);
    expectBinomial(count('weighed', 1), 20_000, 0.75);
    expectBinomial(count('shared', 0), 20_000, 0.97);
    expectBinomial(count('rare', -1), 20_000, 0.7);
    expectBinomial(count('skewed', 0), 20_000, 1 / (1 + 1 / 2 + 1 / 3));
  });

  it('lets an attribute follow another as strongly as asked, on every single gateway', () => {
    const attributes: ScenarioText['attributes'] = [
      { name: 'version', generated: { count: 4, skew: 0 }, ofCustomer: 0.7, ofSite: 0.8 },
      {
        name: 'kernel',
        generated: { count: 4, skew: 0 },
        follows: { attribute: 'version', strength: 1 },
      },
      { name: 'isp', generated: { count: 8, skew: 0 }, follows: { attribute: 'version', strength: 0.6 } },
    ];
    const customers = { sizes: { kind: 'fixed' as const, gateways: 1 } };
    const alone = makeFleet(plainScenario({ attributes, customers }), 20_000, 11);
    const many = makeFleet(
      plainScenario({ attributes, customers: { sizes: { kind: 'fixed', gateways: 20 } } }),
      20_000,
      11,
    );
    for (const fleet of [alone, many])
      expect(column(fleet, 'kernel').of).toEqual(column(fleet, 'version').of);
    const atHome = column(alone, 'isp').of.reduce(
      (sum, isp, i) => sum + Number(isp % 4 === column(alone, 'version').of[i]),
      0,
    );
    expectBinomial(atHome, 20_000, 0.6 + 0.4 / 4);
  });
});
