import { chronicRatios, pastsOf, type ChronicRatios } from './expected.ts';
import { exposureOf, type Exposure, type Tested } from './exposure.ts';
import { restrict, windowIndexes, windowsMs, type Fleet, type WindowIndex } from './fleet.ts';
import { fleetRates, isWarm, valueKey, type PatternHistory } from './history.ts';
import { countHits } from './hits.ts';
import {
  jaccardMin,
  marksOf,
  rivalJaccardMin,
  rivalScoreMax,
  twinsOf,
  unexplained,
  type Twin,
} from './overlap.ts';
import { causeOf, type Side } from './pairs.ts';
import { ranked, type Candidate, type Look } from './significance.ts';
import { fleetEventOf, type FleetEvent } from './fleet-event.ts';

export interface ValueName {
  attribute: string;
  value: string;
}
/** An attribute value whose carriers fail more often than the rest. */
export interface Pattern extends ValueName {
  conditionId: string;
  windowMs: number;
  /** Customers with a failing carrier, and failing carriers. */
  hitCustomers: number;
  failingGateways: number;
  carriers: { customers: number; gateways: number };
  /** Those it was compared with. */
  outside: { customers: number; gateways: number; hitCustomers: number; failingGateways: number };
  /** Customers that would be hit at most if the value did not matter (95 % bound), and how many times more are. */
  expectedCustomers: number;
  riskRatio: number;
  /** ln of the chance to see as many; not corrected. */
  logPValue: number;
  /** Values that nearly the same gateways carry, or half of the same and that explain it as well: as likely the cause. */
  indistinguishable: Alternative[];
  /** Among the carriers, those of this value fail more often still. */
  within?: ValueName & { indistinguishable: Alternative[] };
}
export type Alternative = ValueName & { jaccard: number };
/** What one tick leaves to the next: what was significant, and when. Plain data. */
export interface Significant {
  atMs: number;
  keys: string[];
}
export interface PatternsInput {
  fleet: Fleet;
  history: PatternHistory;
  /** Of the tick before; undefined: there was none, so nothing is reported yet. */
  previous: Significant | undefined;
  nowMs: number;
  /** How often the fleet is looked at. */
  tickMs: number;
  /** Expected number of false patterns a day, over all values, conditions, windows and ticks. */
  falsePerDay?: number;
}
export interface PatternsFound {
  patterns: Pattern[];
  fleetEvents: FleetEvent[];
  significant: Significant;
}

const roundsMax = 5;
/** In all conditions of one tick together: each round reads the whole fleet again. */
const roundsPerTickMax = 12;
const dayMs = 24 * 3_600_000;

/** What all rounds of one tick share. */
interface Tick extends PatternsInput {
  logBudget: number;
  ticksPerDay: number;
  before: ReadonlySet<string>;
  seen: Set<string>;
  roundsLeft: number;
  /** Looked up when the first condition needs it. */
  pasts: () => ReturnType<typeof pastsOf>;
}

/**
 * Names the values whose carriers fail more often than the rest, strongest first; each must have been significant in the
 * tick before too. Nothing is named before the history knows a day: what has always been so is no news.
 * docs/patterns.md explains each step.
 */
export function findPatterns(input: PatternsInput): PatternsFound {
  const { fleet, history, previous, nowMs, tickMs, falsePerDay = 0.01 } = input;
  const found: PatternsFound = { patterns: [], fleetEvents: [], significant: { atMs: nowMs, keys: [] } };
  if (!isWarm(history)) return found;
  const exposure = exposureOf(fleet);
  const tests = Math.max(1, exposure.tested.length) * fleet.conditionIds.length * windowsMs.length;
  const inARow = previous !== undefined && nowMs - previous.atMs < 2.5 * tickMs;
  const tick: Tick = {
    ...input,
    logBudget: Math.log(falsePerDay / tests),
    ticksPerDay: dayMs / tickMs,
    before: new Set(inARow ? previous.keys : []),
    seen: new Set(),
    roundsLeft: roundsPerTickMax,
    pasts: once(() => pastsOf(fleet, history)),
  };
  fleet.conditionIds.forEach((_, condition) => searchCondition(tick, exposure, condition, found));
  found.significant.keys = [...tick.seen];
  return found;
}

function searchCondition(tick: Tick, whole: Exposure, condition: number, found: PatternsFound): void {
  const conditionId = tick.fleet.conditionIds[condition]!;
  const ratios = ratiosOf(tick, conditionId);
  let [fleet, exposure] = [tick.fleet, whole];
  for (let round = 0; round <= roundsMax; round++) {
    const looks = windowIndexes.map((window) => lookAt(tick, { fleet, exposure, condition, window, ratios }));
    const { strongest, significant } = ranked(looks);
    for (const { value } of significant) tick.seen.add(keyOf(tick, conditionId, value));
    if (!strongest) {
      const event = fleetEventOf(looks, tick.history, conditionId);
      const key = `${conditionId} *`;
      if (event) tick.seen.add(key);
      if (event && tick.before.has(key)) found.fleetEvents.push(event);
      return;
    }
    if (round === roundsMax || tick.roundsLeft-- <= 0) return;
    const { window } = strongest;
    const lookIn = (part: Fleet) =>
      lookAt(tick, { fleet: part, exposure: exposureOf(part), condition, window, ratios });
    const { first, second } = isStillHappening(strongest, looks, exposure)
      ? causeOf({ look: looks[window]!, condition, lookIn }, strongest)
      : { first: strongest };
    const key = keyOf(tick, conditionId, first.value);
    tick.seen.add(key);
    if (tick.before.has(key) && isStillHappening(first, looks, exposure))
      found.patterns.push({
        ...described(tick, conditionId, first),
        indistinguishable: alternativesOf({ fleet, exposure }, first, significant).map((twin) =>
          alternative(tick, twin),
        ),
        ...(second && { within: withinOf(tick, second, first.value) }),
      });
    const named = first === strongest ? [first.value] : [first.value, strongest.value];
    const twins = named.flatMap((value) => twinsOf(fleet, exposure, value).map((twin) => twin.value));
    const together = marksOf(fleet, exposure, [...named, ...twins]);
    fleet = restrict(fleet, unexplained(fleet, together, condition, window));
    exposure = exposureOf(fleet);
  }
}

/** Of the customers hit within a day so many, and this part of them, must have been hit in its last hour. */
const recentMin = { customers: 2, share: 1 / 8 };

/**
 * What was over hours ago was told then, or was too little to tell. It stays in the window of a day, where each further
 * failure by chance makes it significant anew.
 */
function isStillHappening(
  { value: { attribute, code }, window, hitCustomers }: Candidate,
  looks: readonly Look[],
  exposure: Exposure,
): boolean {
  if (window < 2) return true;
  const slot = exposure.slots[attribute]![code]!;
  const recent = looks[1]!.hits.carrierCustomers[slot]!;
  return recent >= Math.max(recentMin.customers, recentMin.share * hitCustomers);
}

type Ratios = () => ChronicRatios | undefined;
/** Computed when the first value needs it: it costs a pass over all values. */
const ratiosOf = ({ pasts, history }: Tick, conditionId: string): Ratios =>
  once(() => chronicRatios(pasts(), history, conditionId));

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

interface Place {
  fleet: Fleet;
  exposure: Exposure;
  condition: number;
  window: WindowIndex;
  ratios: Ratios;
}
function lookAt(tick: Tick, { fleet, exposure, condition, window, ratios }: Place): Look {
  return {
    fleet,
    exposure,
    window,
    hits: countHits(fleet, exposure, condition, window),
    past: fleetRates(tick.history, fleet.conditionIds[condition]!, window),
    ratios,
    logBudget: tick.logBudget,
    ticksPerDay: tick.ticksPerDay,
  };
}

function withinOf(
  tick: Tick,
  { look, strongest, significant }: Side,
  named: Tested,
): NonNullable<Pattern['within']> {
  const alternatives = alternativesOf(look, strongest, significant).filter(
    ({ value }) => value.attribute !== named.attribute,
  );
  return {
    ...nameOf(tick, strongest.value),
    indistinguishable: alternatives.map((twin) => alternative(tick, twin)),
  };
}

/** What may be meant instead: what nearly the same gateways carry; of the rest, what the failures speak for as much. */
function alternativesOf(
  { fleet, exposure }: Pick<Place, 'fleet' | 'exposure'>,
  { value, score }: Candidate,
  significant: readonly Candidate[],
): Twin[] {
  const isRival = ({ attribute, code }: Twin['value']) =>
    significant.some(
      (other) =>
        other.value.attribute === attribute &&
        other.value.code === code &&
        other.score > score - rivalScoreMax,
    );
  return twinsOf(fleet, exposure, value, rivalJaccardMin).filter(
    (twin) => twin.jaccard >= jaccardMin || isRival(twin.value),
  );
}

const alternative = (tick: Tick, { value, jaccard }: Twin): Alternative => ({
  ...nameOf(tick, value),
  jaccard,
});

const nameOf = ({ fleet }: Tick, { attribute, code }: Pick<Tested, 'attribute' | 'code'>): ValueName => ({
  attribute: fleet.attributes[attribute] ?? '',
  value: fleet.values[attribute]?.[code] ?? '',
});

function keyOf(tick: Tick, conditionId: string, value: Tested): string {
  const { attribute, value: name } = nameOf(tick, value);
  return `${conditionId} ${valueKey(attribute, name)}`;
}

function described(
  tick: Tick,
  conditionId: string,
  { value, window, outside, ...counts }: Candidate,
): Omit<Pattern, 'indistinguishable'> {
  const { hitCustomers, failingGateways, expectedCustomers: expected, logPValue } = counts;
  return {
    conditionId,
    ...nameOf(tick, value),
    windowMs: windowsMs[window],
    hitCustomers,
    failingGateways,
    carriers: { customers: value.carriers.customers, gateways: value.carriers.gateways },
    outside: {
      customers: outside.customers,
      gateways: outside.gateways,
      hitCustomers: outside.hitCustomers,
      failingGateways: outside.failingGateways,
    },
    expectedCustomers: expected,
    riskRatio: hitCustomers / expected,
    logPValue,
  };
}
