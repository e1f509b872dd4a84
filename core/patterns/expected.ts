import { chancePerGateway, expectedHits, type Group, type Tested } from './exposure.ts';
import { unknownCode, type Fleet } from './fleet.ts';
import {
  chronicRatio,
  notChronic,
  valueKey,
  type PastCounts,
  type PastRates,
  type PatternHistory,
} from './history.ts';
import type { Hits } from './hits.ts';
import { poissonUpperBound } from './statistics.ts';

/** With fewer gateways outside a value nobody can tell it from the fleet. */
export const outsideCustomersMin = 20;
export const outsideGatewaysMin = 100;

/** Whom a value is compared with, and how many of them failed. */
export interface Outside extends Group {
  hitCustomers: number;
  failingGateways: number;
}

/**
 * All gateways without the value; and customers that carry it nowhere, since where a customer’s gateways fail together the
 * pattern itself reaches the other gateways of the customers that it hit. Both are fair comparisons, and one can be small or
 * soiled where the other is not: the caller takes the one that expects less. Empty where both are too few.
 */
export function outsidesOf({ strangers, rest }: Tested, hits: Hits, slot: number): Outside[] {
  const both = [
    { ...rest, hitCustomers: hits.restCustomers[slot]!, failingGateways: hits.restGateways[slot]! },
    {
      ...strangers,
      hitCustomers: hits.strangerCustomers[slot]!,
      failingGateways: hits.strangerGateways[slot]!,
    },
  ];
  return both.filter(
    ({ customers, gateways }) => customers >= outsideCustomersMin && gateways >= outsideGatewaysMin,
  );
}

/** Upper 95 % bounds of the rates outside a value, and never less than what the fleet has been used to. */
export interface RateBounds extends PastRates {
  /** The bound that they come from: customers hit outside at most, on average. */
  hitsBound: number;
}

/**
 * The bound is Garwood’s, on the number of customers hit: failures of one customer are one piece of evidence. Per gateway
 * it is times the mean number of failing gateways of a customer that is hit.
 */
export function rateBounds(outside: Outside, fleetHits: Hits, past: PastRates): RateBounds {
  const hitsBound = poissonUpperBound(outside.hitCustomers);
  const perHit = (gateways: number, customers: number) => (customers > 0 ? gateways / customers : 1);
  const clump = Math.max(
    perHit(outside.failingGateways, outside.hitCustomers),
    perHit(fleetHits.gateways, fleetHits.customers),
  );
  return {
    hitsBound,
    failingPerGateway: Math.max(past.failingPerGateway, Math.min(1, (hitsBound * clump) / outside.gateways)),
    hitsPerGateway: Math.max(past.hitsPerGateway, chancePerGateway(outside, hitsBound)),
    hitsPerCustomer: Math.max(past.hitsPerCustomer, Math.min(1, hitsBound / outside.customers)),
  };
}

/**
 * Customers that carry a value and are hit, on average at most, when its carriers are as others: the smaller of two upper
 * estimates. The first takes each gateway by itself at the rate at which gateways fail; failures that come together can
 * only make that fewer customers. The second takes customers as they were hit outside, whether by each gateway or
 * altogether, whichever is more here: right where fate is shared, too much where a customer carries few.
 */
export function expectedCustomers(carriers: Group, rates: PastRates): number {
  const alone = expectedHits(carriers, rates.failingPerGateway);
  const byGateway = expectedHits(carriers, rates.hitsPerGateway);
  return Math.min(alone, Math.max(byGateway, carriers.customers * rates.hitsPerCustomer));
}

/** For each attribute and code, how much worse than the fleet its carriers have been. */
export interface ChronicRatios {
  perGateway: Float64Array[];
  perCustomer: Float64Array[];
}

/** What is remembered of each value, for each attribute and code. */
export const pastsOf = (fleet: Fleet, history: PatternHistory): (PastCounts | undefined)[][] =>
  fleet.values.map((names, a) =>
    names.map((name, code) =>
      code === unknownCode ? undefined : history.values[valueKey(fleet.attributes[a] ?? '', name)],
    ),
  );

/** Undefined: nothing has been worse than the fleet. */
export function chronicRatios(
  pasts: readonly (readonly (PastCounts | undefined)[])[],
  history: PatternHistory,
  conditionId: string,
): ChronicRatios | undefined {
  let worst = 1;
  const ratios = pasts.map((ofValues) => {
    const perGateway = new Float64Array(ofValues.length).fill(1);
    const perCustomer = new Float64Array(ofValues.length).fill(1);
    ofValues.forEach((past, code) => {
      const ratio = past ? chronicRatio(past, history, conditionId) : notChronic;
      perGateway[code] = ratio.perGateway;
      perCustomer[code] = ratio.perCustomer;
      worst = Math.max(worst, ratio.perGateway, ratio.perCustomer);
    });
    return { perGateway, perCustomer };
  });
  if (worst === 1) return undefined;
  return {
    perGateway: ratios.map(({ perGateway }) => perGateway),
    perCustomer: ratios.map(({ perCustomer }) => perCustomer),
  };
}

/**
 * `expectedCustomers`, with each carrier’s rate times the worst chronic ratio among all of its values: of the tested one,
 * so that what has always been so is no news and grows with a burst of the whole fleet; and of the others, so that a new
 * version is not blamed for the region that it is installed in.
 */
export function expectedWithChronic(
  fleet: Fleet,
  carriers: Uint32Array,
  rates: PastRates,
  ratios: ChronicRatios,
): number {
  const logOf = (p: number) => Math.log1p(-Math.min(p, 1 - 1e-12));
  let [alone, byGateway, byCustomer] = [0, 0, 0];
  for (let i = 0; i < carriers.length;) {
    const customer = fleet.customerOf[carriers[i]!];
    let [logAlone, logByGateway, worst] = [0, 0, 0];
    for (; i < carriers.length && fleet.customerOf[carriers[i]!] === customer; i++) {
      const [perGateway, perCustomer] = worstRatios(fleet, ratios, carriers[i]!);
      logAlone += logOf(rates.failingPerGateway * perGateway);
      logByGateway += logOf(rates.hitsPerGateway * perCustomer);
      worst = Math.max(worst, perCustomer);
    }
    alone -= Math.expm1(logAlone);
    byGateway -= Math.expm1(logByGateway);
    byCustomer += Math.min(1, rates.hitsPerCustomer * worst);
  }
  return Math.min(alone, Math.max(byGateway, byCustomer));
}

function worstRatios(fleet: Fleet, ratios: ChronicRatios, row: number): [number, number] {
  let [perGateway, perCustomer] = [1, 1];
  for (let a = 0; a < fleet.columns.length; a++) {
    const code = fleet.columns[a]![row]!;
    perGateway = Math.max(perGateway, ratios.perGateway[a]![code]!);
    perCustomer = Math.max(perCustomer, ratios.perCustomer[a]![code]!);
  }
  return [perGateway, perCustomer];
}
