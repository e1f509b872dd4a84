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
  const least = comparisonOf(look, slot);
  const candidate = least && tested(look, slot, least);
  if (!candidate) return undefined;
  const withHistory = () => {
    const known = withRatios(look, exposure.tested[slot]!, least);
    return known === least ? candidate : tested(look, slot, known);
  };
  return { candidate, withHistory };
}

/** A value that has an effect, beyond doubt or not; undefined: none, or there is nobody to compare with. */
export function effectOf(look: Look, value: Pick<Tested, 'attribute' | 'code'>): Candidate | undefined {
  const { exposure, hits } = look;
  const slot = exposure.slots[value.attribute]?.[value.code] ?? -1;
  const least = slot < 0 ? undefined : comparisonOf(look, slot);
  const isLarge = ({ expected }: Comparison) => hits.carrierCustomers[slot]! >= riskRatioMin * expected;
  if (!least || !isLarge(least)) return undefined;
  const known = withRatios(look, exposure.tested[slot]!, least);
  return isLarge(known) ? measured(look, slot, known) : undefined;
}

function comparisonOf(look: Look, slot: number): Comparison | undefined {
  const { exposure, hits, past } = look;
  const value = exposure.tested[slot]!;
  const [first, ...others] = outsidesOf(value, hits, slot).map((outside) => {
    const bounds = rateBounds(outside, hits, past);
    return { outside, bounds, expected: expectedCustomers(value.carriers, bounds) };
  });
  return first && others.reduce((a, b) => (b.expected < a.expected ? b : a), first);
}

/** What the history says may only make it more; the same comparison where nothing has been worse than the fleet. */
function withRatios(look: Look, value: Tested, comparison: Comparison): Comparison {
  const ratios = look.ratios();
  if (!ratios) return comparison;
  const rows = look.exposure.rowsOf(value);
  const chronic = expectedWithChronic(look.fleet, rows, comparison.bounds, ratios);
  return { ...comparison, expected: Math.max(comparison.expected, chronic) };
}

interface Comparison {
  outside: Outside;
  bounds: RateBounds;
  expected: number;
}
/** Every test of significance; undefined where one fails. */
function tested(look: Look, slot: number, comparison: Comparison): Candidate | undefined {
  const { hits, window, logBudget, ticksPerDay } = look;
  const { outside, expected } = comparison;
  const hitCustomers = hits.carrierCustomers[slot]!;
  if (hitCustomers < riskRatioMin * expected) return undefined;
  if (logFalsePerDay(hitCustomers, expected, windowsMs[window], ticksPerDay) > logBudget) return undefined;
  const all = hitCustomers + outside.hitCustomers;
  if (logBinomialTail(hitCustomers, all, shareOf(comparison)) > logContrastMax) return undefined;
  return measured(look, slot, comparison);
}

/** The carriers’ part of the customers that are hit, if the value did not matter. */
const shareOf = ({ expected, bounds }: Comparison): number => expected / (expected + bounds.hitsBound);

function measured(look: Look, slot: number, comparison: Comparison): Candidate {
  const { hits, window } = look;
  const { outside, expected } = comparison;
  const hitCustomers = hits.carrierCustomers[slot]!;
  return {
    value: look.exposure.tested[slot]!,
    window,
    outside,
    hitCustomers,
    failingGateways: hits.carrierGateways[slot]!,
    expectedCustomers: expected,
    logPValue: logPoissonTail(hitCustomers, expected),
    score: scoreOf(hitCustomers, outside.hitCustomers, shareOf(comparison)),
  };
}

/** Kulldorff’s log-likelihood ratio; `share`: the carriers’ part of all hits at equal rates, above 0 and below 1. */
export function scoreOf(hit: number, outsideHit: number, share: number): number {
  const all = hit + outsideHit;
  const term = (count: number, part: number) => (count === 0 ? 0 : count * Math.log(count / (all * part)));
  return term(hit, share) + term(outsideHit, 1 - share);
}
