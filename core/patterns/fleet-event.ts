import { expectedCustomers } from './expected.ts';
import { customersMin } from './exposure.ts';
import { windowsMs } from './fleet.ts';
import type { PatternHistory } from './history.ts';
import { riskRatioMin, type Look } from './significance.ts';
import { logFalsePerDay, poissonUpperBound } from './statistics.ts';

/** Far more fail than the fleet is used to, and no value explains it, or too few are outside of one to compare with. */
export interface FleetEvent {
  conditionId: string;
  windowMs: number;
  hitCustomers: number;
  failingGateways: number;
  customers: number;
  /** Customers hit at most, on average, by what is usual (95 % bound). */
  expectedCustomers: number;
}

/** The event of the shortest window that has one. `looks`: at what no pattern explains. */
export function fleetEventOf(
  looks: readonly Look[],
  history: PatternHistory,
  conditionId: string,
): FleetEvent | undefined {
  for (const look of looks) {
    const { hits, window, exposure } = look;
    if (hits.customers < customersMin) continue;
    const expected = usualCustomers(look, history, conditionId);
    if (hits.customers < riskRatioMin * expected) continue;
    const logFalse = logFalsePerDay(hits.customers, expected, windowsMs[window], look.ticksPerDay);
    if (logFalse > look.logBudget) continue;
    return {
      conditionId,
      windowMs: windowsMs[window],
      hitCustomers: hits.customers,
      failingGateways: hits.gateways,
      customers: exposure.all.customers,
      expectedCustomers: expected,
    };
  }
  return undefined;
}

/** All of them where nothing is remembered of such a window: then nothing is unusual. */
function usualCustomers({ past, exposure, window, hits }: Look, history: PatternHistory, id: string): number {
  const before = history.fleet.hits[id]?.[window] ?? 0;
  const clump = before > 0 ? past.failingPerGateway / past.hitsPerGateway : hits.gateways / hits.customers;
  const bound = poissonUpperBound(before);
  const per = (of: number) => (of > 0 ? Math.min(1, bound / of) : 1);
  const { customers, gateways } = history.fleet;
  return expectedCustomers(exposure.all, {
    failingPerGateway: Math.min(1, per(gateways[window]) * clump),
    hitsPerGateway: per(gateways[window]),
    hitsPerCustomer: per(customers[window]),
  });
}
