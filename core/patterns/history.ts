import { exposureOf } from './exposure.ts';
import { windowIndexes, windowsMs, type Fleet, type WindowIndex } from './fleet.ts';
import { countHits } from './hits.ts';

/** What is remembered of one value, or of the fleet: for each window, sums over past windows that did not overlap. */
export interface PastCounts {
  /** Customers that carried it, and gateways, summed over the windows. */
  customers: [number, number, number];
  gateways: [number, number, number];
  /** By condition: customers with a failing carrier, and failing carriers. */
  hits: Record<string, [number, number, number]>;
  failing: Record<string, [number, number, number]>;
}
/** Plain data, so that it can be stored. Values by `valueKey`. */
export interface PatternHistory {
  /** How long the fleet has been watched altogether. */
  watchedMs: number;
  fleet: PastCounts;
  values: Record<string, PastCounts>;
}
/** What a found pattern is about, as far as the history leaves it out. */
export interface Named {
  conditionId: string;
  attribute: string;
  value: string;
}

export const valueKey = (attribute: string, value: string): string => `${attribute}=${value}`;
export const noHistory = (): PatternHistory => ({ watchedMs: 0, fleet: noCounts(), values: {} });
const noCounts = (): PastCounts => ({ customers: [0, 0, 0], gateways: [0, 0, 0], hits: {}, failing: {} });

/** Older windows fade: one that is 14 days old weighs 1/e. */
export const memoryMs = 14 * 24 * 3_600_000;

/**
 * Adds what this tick saw in one window. Call it once for each window that has passed (so each 15 min, each hour, each
 * day), on the fleet as it was given to `findPatterns`. Gateways that carry a value of `named` are left out of the
 * failures of that condition: a pattern must not become its own excuse. Changes `history` in place; values that nobody
 * carries fade away.
 */
export function remember(
  history: PatternHistory,
  fleet: Fleet,
  window: WindowIndex,
  named: readonly Named[] = [],
): void {
  const keep = 1 - windowsMs[window] / memoryMs;
  for (const past of [history.fleet, ...Object.values(history.values)]) fade(past, window, keep);
  for (const [key, past] of Object.entries(history.values))
    if (past.customers.every((n) => n < 1)) delete history.values[key];
  if (window === 0) history.watchedMs += windowsMs[0];
  const cleaned = {
    ...fleet,
    onsets: fleet.onsets.map((onsets, c) => withoutNamed(fleet, onsets, c, named)),
  };
  const exposure = exposureOf(fleet);
  const tested = exposure.tested.map(({ attribute, code, carriers }) => {
    const key = valueKey(fleet.attributes[attribute] ?? '', fleet.values[attribute]?.[code] ?? '');
    return { past: (history.values[key] ??= noCounts()), carriers };
  });
  for (const { past, carriers } of [{ past: history.fleet, carriers: exposure.all }, ...tested]) {
    past.customers[window] += carriers.customers;
    past.gateways[window] += carriers.gateways;
  }
  fleet.conditionIds.forEach((id, condition) => {
    const hits = countHits(cleaned, exposure, condition, window);
    note(history.fleet, id, window, hits.customers, hits.gateways);
    tested.forEach(({ past }, slot) =>
      note(past, id, window, hits.carrierCustomers[slot]!, hits.carrierGateways[slot]!),
    );
  });
}

function note(past: PastCounts, id: string, window: WindowIndex, customers: number, gateways: number): void {
  if (customers === 0) return;
  (past.hits[id] ??= [0, 0, 0])[window] += customers;
  (past.failing[id] ??= [0, 0, 0])[window] += gateways;
}

function fade(past: PastCounts, window: WindowIndex, keep: number): void {
  for (const sums of [
    past.customers,
    past.gateways,
    ...Object.values(past.hits),
    ...Object.values(past.failing),
  ])
    sums[window] *= keep;
}

function withoutNamed(
  fleet: Fleet,
  onsets: Uint32Array,
  condition: number,
  named: readonly Named[],
): Uint32Array {
  const ours = named.filter(({ conditionId }) => conditionId === fleet.conditionIds[condition]);
  if (ours.length === 0) return onsets;
  const out = ours.map(({ attribute, value }) => {
    const a = fleet.attributes.indexOf(attribute);
    return { column: fleet.columns[a], code: fleet.values[a]?.indexOf(value) };
  });
  return onsets.filter((o) => !out.some(({ column, code }) => column?.[o >>> 2] === code));
}

/** Rates of one condition and window over the last weeks; 0 where nothing is remembered. */
export interface PastRates {
  failingPerGateway: number;
  hitsPerGateway: number;
  hitsPerCustomer: number;
}
/** How much worse than the fleet a value has been, at least 1. */
export interface ChronicRatio {
  /** Of the chance that one gateway fails. */
  perGateway: number;
  /** Of the chance that a customer is hit: the greater of per customer and per gateway it has. */
  perCustomer: number;
}
export const notChronic: ChronicRatio = { perGateway: 1, perCustomer: 1 };

/** Weight of the fleet’s rate in a value’s own, in hits: a value must have failed more often than that to tell apart. */
const priorHits = 4;

export function fleetRates(history: PatternHistory, conditionId: string, window: WindowIndex): PastRates {
  return rates(history.fleet, conditionId, window, { hits: 0, customers: 0, gateways: 0, failing: 0 });
}

/**
 * A value’s past rates over the fleet’s, shrunk towards 1: the mean of a gamma prior that is worth `priorHits` hits at the
 * fleet’s rate (empirical Bayes for Poisson rates). The worst of the windows: the ratio hardly depends on their length,
 * and the long ones know little for weeks. A value without history (`past` undefined) is as the fleet.
 */
export function chronicRatio(
  past: PastCounts | undefined,
  history: PatternHistory,
  conditionId: string,
): ChronicRatio {
  let { perGateway, perCustomer } = notChronic;
  for (const window of past ? windowIndexes : []) {
    const fleet = fleetRates(history, conditionId, window);
    if (!past || fleet.hitsPerCustomer === 0) continue;
    const own = rates(past, conditionId, window, {
      hits: priorHits,
      customers: priorHits / fleet.hitsPerCustomer,
      gateways: priorHits / fleet.hitsPerGateway,
      failing: priorHits * (fleet.failingPerGateway / fleet.hitsPerGateway),
    });
    perGateway = Math.max(perGateway, own.failingPerGateway / fleet.failingPerGateway);
    perCustomer = Math.max(
      perCustomer,
      own.hitsPerGateway / fleet.hitsPerGateway,
      own.hitsPerCustomer / fleet.hitsPerCustomer,
    );
  }
  return { perGateway, perCustomer };
}

function rates(
  past: PastCounts,
  id: string,
  window: WindowIndex,
  prior: { hits: number; failing: number; customers: number; gateways: number },
): PastRates {
  const customers = past.customers[window] + prior.customers;
  const gateways = past.gateways[window] + prior.gateways;
  const hits = (past.hits[id]?.[window] ?? 0) + prior.hits;
  const failing = (past.failing[id]?.[window] ?? 0) + prior.failing;
  const per = (n: number, of: number) => (of > 0 ? n / of : 0);
  return {
    failingPerGateway: per(failing, gateways),
    hitsPerGateway: per(hits, gateways),
    hitsPerCustomer: per(hits, customers),
  };
}

/** Long enough for a day’s course to be in the history. */
export const warmUpMs = 24 * 3_600_000;
export const isWarm = ({ watchedMs }: PatternHistory): boolean => watchedMs >= warmUpMs;
