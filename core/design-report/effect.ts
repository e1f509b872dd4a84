import {
  carriedFolds,
  dayWeights,
  evenDays,
  isComparable,
  joined,
  joinedDays,
  type Daily,
} from './calendar.ts';
import { selfControlled, type BeforeAfter, type Side } from './self-controlled.ts';
import type { ReleaseEffect } from './releases.ts';
import { countOf, daysOf, type Switch } from './switches.ts';

/** Of a ratio that lies outside of these nobody can say more than that. */
const [lowest, highest] = [0.02, 50];
const halvings = 14;

/** The days of one gateway: at risk on either side, and those on which the condition began. */
interface Pair {
  customer: number;
  before: number;
  after: number;
  began: number;
}

/**
 * What the change did to one condition. Days weigh by how often the condition begins on them, which is found together with
 * the ratio: from all gateways, of those with the value as if it began ratio times as seldom. What that costs in certainty
 * is measured by leaving out a part of the customers after the other (delete-a-group jackknife).
 */
export function effectOf(
  switches: readonly Switch[],
  condition: number,
  folds: readonly Daily[],
): Omit<ReleaseEffect, 'conditionId' | 'verdict'> & { hit: number; isAgainstOthers: boolean } {
  const pairs = switches.map(({ past, before, after }): Pair => {
    const atRisk = ~daysOf(past.standing, condition);
    const began = daysOf(past.onsets, condition);
    return { customer: past.customer, before: before & atRisk, after: after & atRisk, began };
  });
  const carried = carriedFolds(switches, condition);
  const isAgainstOthers = isComparable(joined(folds), joinedDays(carried));
  const hitPairs = pairs.filter(({ before, after, began }) => ((before | after) & began) !== 0);
  const weightsWithout = (fold?: number) => {
    const daily = joined(folds, fold);
    const days = joinedDays(carried, fold);
    const left = hitPairs.filter(({ customer }) => fold === undefined || customer % folds.length !== fold);
    return isAgainstOthers ? settledWeights(left, (ratio) => dayWeights(daily, days, ratio)) : evenDays();
  };
  const weights = hitPairs.length > 0 ? weightsWithout() : evenDays();
  const sides = sidesOf(pairs, weights);
  const plain = selfControlled(sides);
  const widen = isAgainstOthers && hitPairs.length > 0 ? widening(plain.logVariance) : 1;
  const { ratio, pValue } = selfControlled(sides, widen);

  function widening(logVariance: number): number {
    const logs = folds.map((_, fold) => {
      const left = hitPairs.filter(({ customer }) => customer % folds.length !== fold);
      return Math.log(ratioOf(left, weightsWithout(fold)));
    });
    const mean = logs.reduce((all, log) => all + log, 0) / logs.length;
    const squares = logs.reduce((all, log) => all + (log - mean) ** 2, 0);
    return Math.max(1, ((logs.length - 1) / logs.length) * (squares / logVariance));
  }

  return {
    ...{ before: totalOf(sides, 'before'), after: totalOf(sides, 'after') },
    ...{ ratio, pValue, isAgainstOthers },
    hit: new Set(hitPairs.map(({ customer }) => customer)).size,
  };
}

const ratioOf = (pairs: readonly Pair[], weights: Float64Array): number =>
  Math.min(highest, Math.max(lowest, selfControlled(sidesOf(pairs, weights)).ratio.value));

/** The weights that the ratio implies which they lead to: the larger the one that is assumed, the smaller that is. */
function settledWeights(pairs: readonly Pair[], weightsAt: (ratio: number) => Float64Array): Float64Array {
  let [low, high] = [Math.log(lowest), Math.log(highest)];
  for (let i = 0; i < halvings; i++) {
    const middle = (low + high) / 2;
    if (Math.log(ratioOf(pairs, weightsAt(Math.exp(middle)))) > middle) low = middle;
    else high = middle;
  }
  return weightsAt(Math.exp((low + high) / 2));
}

const sidesOf = (pairs: readonly Pair[], weights: Float64Array): BeforeAfter[] =>
  pairs.map(({ customer, before, after, began }) => ({
    customer,
    before: sideOf(before, began, weights),
    after: sideOf(after, began, weights),
  }));

function sideOf(mask: number, began: number, weights: Float64Array): Side {
  let weight = 0;
  for (let left = mask; left !== 0; left &= left - 1) weight += weights[31 - Math.clz32(left & -left)]!;
  return { days: countOf(mask), weight, onsets: countOf(mask & began) };
}

function totalOf(sides: readonly BeforeAfter[], which: 'before' | 'after'): ReleaseEffect['before'] {
  const gatewayDays = sides.reduce((all, one) => all + one[which].days, 0);
  const onsets = sides.reduce((all, one) => all + one[which].onsets, 0);
  return { gatewayDays, onsets, rate: gatewayDays > 0 ? (1_000 * onsets) / gatewayDays : 0 };
}
