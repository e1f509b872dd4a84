import { Chance } from './chance.ts';
import { columnOf, type Column } from './columns.ts';
import type { Cause } from './detector.ts';
import type { Scenario } from './scenario.ts';

/** Gateways lie customer by customer and site by site, so that both are ranges of indices. */
export interface Fleet {
  readonly gatewayCount: number;
  readonly customerCount: number;
  /** First gateway of each customer, and of each site; one more entry ends the last. */
  readonly customerStarts: Int32Array;
  readonly siteStarts: Int32Array;
  readonly customerOf: Int32Array;
  readonly siteOf: Int32Array;
  readonly columns: readonly Column[];
}

/** `seed` alone decides; the faults of a scenario do not. */
export function makeFleet(scenario: Scenario, gatewayCount: number, seed: number): Fleet {
  const { sizes, gatewaysPerSite } = scenario.customers;
  const chance = new Chance(seed, 'customers');
  const customerStarts = [0];
  const siteStarts = [0];
  const listed = sizes.kind === 'listed' ? listedSizes(sizes.weights) : undefined;
  for (let start = 0; start < gatewayCount;) {
    const drawn =
      sizes.kind === 'fixed'
        ? sizes.gateways
        : sizes.kind === 'pareto'
          ? chance.pareto(sizes.shape, sizes.max)
          : listed!(chance);
    const size = Math.min(drawn, gatewayCount - start);
    const sites = Math.max(1, Math.round(size / gatewaysPerSite));
    for (let site = 1; site <= sites; site++) siteStarts.push(start + Math.ceil((size * site) / sites));
    start += size;
    customerStarts.push(start);
  }
  const bones = {
    gatewayCount,
    customerCount: customerStarts.length - 1,
    customerStarts: Int32Array.from(customerStarts),
    siteStarts: Int32Array.from(siteStarts),
    customerOf: ownersOf(customerStarts, gatewayCount),
    siteOf: ownersOf(siteStarts, gatewayCount),
  };
  const columns: Column[] = [];
  for (const attribute of scenario.attributes) columns.push(columnOf(attribute, columns, bones, seed));
  return { ...bones, columns };
}

function listedSizes(weights: Record<string, number>): (chance: Chance) => number {
  const entries = Object.entries(weights);
  const sum = entries.reduce((all, [, weight]) => all + weight, 0);
  return (chance) => {
    let left = chance.next() * sum;
    for (const [size, weight] of entries) if ((left -= weight) < 0) return Number(size);
    return Number(entries.at(-1)![0]);
  };
}

function ownersOf(starts: readonly number[], count: number): Int32Array {
  const owners = new Int32Array(count);
  for (let owner = 0; owner + 1 < starts.length; owner++)
    owners.fill(owner, starts[owner], starts[owner + 1]);
  return owners;
}

/** The gateways that carry every value of the cause. */
export function carriersOf(fleet: Fleet, cause: Cause): Int32Array {
  const wanted = cause.map(({ attribute, value }) => {
    const column = fleet.columns.find(({ name }) => name === attribute);
    return { of: column?.of, index: column?.values.indexOf(value) ?? -1 };
  });
  const carriers: number[] = [];
  for (let i = 0; i < fleet.gatewayCount; i++)
    if (wanted.every(({ of, index }) => index >= 0 && of?.[i] === index)) carriers.push(i);
  return Int32Array.from(carriers);
}

/** `gateways` in the order of their indices. */
export function customersAmong(fleet: Fleet, gateways: Int32Array): number {
  let count = 0;
  let last = -1;
  for (const gateway of gateways) {
    if (fleet.customerOf[gateway] !== last) count++;
    last = fleet.customerOf[gateway]!;
  }
  return count;
}

/** Jaccard index of who carries the one and the other. */
export function overlapOf(fleet: Fleet, one: Cause, other: Cause): number {
  const first = new Set(carriersOf(fleet, one));
  const second = carriersOf(fleet, other);
  const both = second.reduce((sum, gateway) => sum + Number(first.has(gateway)), 0);
  const either = first.size + second.length - both;
  return either === 0 ? 0 : both / either;
}
