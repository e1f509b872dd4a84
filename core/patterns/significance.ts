import { customersMin, gatewaysMin, type Exposure, type Tested } from './exposure.ts';
import {
  expectedCustomers,
  expectedWithChronic,
  outsidesOf,
  rateBounds,
  type ChronicRatios,
  type Outside,
  type RateBounds,
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
  /** Log-likelihood ratio of one rate inside and another outside to one for all, which ranks (Kulldorff 1997). */
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

export interface Ranked {
  strongest: Candidate | undefined;
  /** All that are significant, those too that a stronger one may explain. */
  significant: Candidate[];
}

/**
 * The strongest value of all windows. What the history says is worked out from the strongest on, until one stands that
 * no other can beat: it only ever makes a candidate weaker, and costs a look at each carrier.
 */
export function ranked(looks: readonly Look[]): Ranked {
  const judged = looks
    .flatMap((look) => look.exposure.tested.flatMap((_, slot) => judge(look, slot) ?? []))
    .sort((a, b) => b.candidate.score - a.candidate.score);
  let strongest: Candidate | undefined;
  const significant: Candidate[] = [];
  for (const { candidate, withHistory } of judged) {
    if (strongest && strongest.score >= candidate.score) {
      significant.push(candidate);
      continue;
    }
    const left = withHistory();
    if (!left) continue;
    significant.push(left);
    if (!strongest || left.score > strongest.score) strongest = left;
  }
  return { strongest, significant };
}

interface Judged {
  candidate: Candidate;
  withHistory: () => Candidate | undefined;
}

/** By the comparison that expects less; undefined unless the carriers are worse beyond doubt. */
function judge(look: Look, slot: number): Judged | undefined {
  const { exposure, hits } = look;
  if (hits.carrierCustomers[slot]! < customersMin || hits.carrierGateways[slot]! < gatewaysMin)
    return undefined;
  const value = exposure.tested[slot]!;
  const [first, ...others] = outsidesOf(value, hits, slot).map((outside) => {
    const bounds = rateBounds(outside, hits, look.past);
    return { outside, bounds, expected: expectedCustomers(value.carriers, bounds) };
  });
  if (!first) return undefined;
  const least = others.reduce((a, b) => (b.expected < a.expected ? b : a), first);
  const candidate = tested(look, slot, least);
  const withHistory = () => {
    const ratios = look.ratios();
    if (!ratios) return candidate;
    const chronic = expectedWithChronic(look.fleet, exposure.rowsOf(value), least.bounds, ratios);
    return tested(look, slot, { ...least, expected: Math.max(least.expected, chronic) });
  };
  return candidate && { candidate, withHistory };
}

interface Comparison {
  outside: Outside;
  bounds: RateBounds;
  expected: number;
}
/** Every test of significance; undefined where one fails. */
function tested(look: Look, slot: number, { outside, bounds, expected }: Comparison): Candidate | undefined {
  const { hits, window, logBudget, ticksPerDay } = look;
  const hitCustomers = hits.carrierCustomers[slot]!;
  if (hitCustomers < riskRatioMin * expected) return undefined;
  if (logFalsePerDay(hitCustomers, expected, windowsMs[window], ticksPerDay) > logBudget) return undefined;
  // The carriers’ part of the customers that are hit, if the value did not matter.
  const share = expected / (expected + bounds.hitsBound);
  const outsideHits = outside.hitCustomers;
  const all = hitCustomers + outsideHits;
  if (logBinomialTail(hitCustomers, all, share) > logContrastMax) return undefined;
  const term = (hit: number, part: number) => (hit === 0 ? 0 : hit * Math.log(hit / (all * part)));
  return {
    value: look.exposure.tested[slot]!,
    window,
    outside,
    hitCustomers,
    failingGateways: hits.carrierGateways[slot]!,
    expectedCustomers: expected,
    logPValue: logPoissonTail(hitCustomers, expected),
    score: term(hitCustomers, share) + term(outsideHits, 1 - share),
  };
}
