import { customersMin, gatewaysMin, type Exposure, type Tested } from './exposure.ts';
import {
  expectedCustomers,
  expectedWithChronic,
  outsidesOf,
  rateBounds,
  type ChronicRatios,
  type Outside,
} from './expected.ts';
import { windowsMs, type Fleet, type WindowIndex } from './fleet.ts';
import type { PastRates } from './history.ts';
import type { Hits } from './hits.ts';
import { logBinomialTail, logFalsePerDay, logPoissonTail } from './statistics.ts';

/** A smaller effect is no reason to wake somebody. */
export const riskRatioMin = 2;
/** ln of the chance at which the split of the failures between carriers and others may still be luck. */
const logContrastMax = Math.log(1e-5);

/** A value whose carriers fail more than they should, in one window. */
export interface Candidate {
  value: Tested;
  window: WindowIndex;
  outside: Outside;
  /** Distinct customers with a failing carrier, and failing carriers. */
  hitCustomers: number;
  failingGateways: number;
  /** Customers that would be hit at most, on average, if the value did not matter. */
  expectedCustomers: number;
  /** ln P(Poisson(expected) ≥ hit). */
  logPValue: number;
  /** Log-likelihood ratio of the Poisson model, by which candidates are ranked (Kulldorff 1997). */
  score: number;
}

export interface Look {
  fleet: Fleet;
  exposure: Exposure;
  window: WindowIndex;
  hits: Hits;
  past: PastRates;
  /** Computed when the first value needs it: it costs a pass over all values. */
  ratios: () => ChronicRatios | undefined;
  /** ln of the false patterns a day that one test may give. */
  logBudget: number;
  ticksPerDay: number;
}

/** All values that pass every test in this window. */
export function candidates(look: Look): Candidate[] {
  return look.exposure.tested.flatMap((_, slot) => judge(look, slot) ?? []);
}

function judge(look: Look, slot: number): Candidate | undefined {
  const { exposure, hits } = look;
  if (hits.carrierCustomers[slot]! < customersMin || hits.carrierGateways[slot]! < gatewaysMin)
    return undefined;
  let best: Candidate | undefined;
  for (const outside of outsidesOf(exposure.tested[slot]!, hits, slot)) {
    const candidate = compared(look, slot, outside);
    if (candidate && !(best && best.expectedCustomers <= candidate.expectedCustomers)) best = candidate;
  }
  return best;
}

/** A value’s carriers against those outside; undefined unless they are worse beyond doubt. */
function compared(look: Look, slot: number, outside: Outside): Candidate | undefined {
  const { hits, window } = look;
  const value = look.exposure.tested[slot]!;
  const hitCustomers = hits.carrierCustomers[slot]!;
  const bounds = rateBounds(outside, hits, look.past);
  const significant = (expected: number) =>
    hitCustomers >= riskRatioMin * expected &&
    logFalsePerDay(hitCustomers, expected, windowsMs[window], look.ticksPerDay) <= look.logBudget;
  let expected = expectedCustomers(value.carriers, bounds);
  if (!significant(expected)) return undefined;
  const ratios = look.ratios();
  if (ratios) {
    expected = Math.max(expected, expectedWithChronic(look.fleet, value, bounds, ratios));
    if (!significant(expected)) return undefined;
  }
  // From the bound down to the middle of what was seen outside; half a customer where nobody was hit.
  const middle = outside.hitCustomers + 0.5;
  const likely = expected * Math.min(1, middle / bounds.hitsBound);
  const share = likely / (likely + middle);
  if (logBinomialTail(hitCustomers, hitCustomers + outside.hitCustomers, share) > logContrastMax)
    return undefined;
  return {
    value,
    window,
    outside,
    hitCustomers,
    failingGateways: hits.carrierGateways[slot]!,
    expectedCustomers: expected,
    logPValue: logPoissonTail(hitCustomers, expected),
    score: hitCustomers * Math.log(hitCustomers / likely) - hitCustomers + likely,
  };
}
