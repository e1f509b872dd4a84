import type { AttributeName } from '../patterns/attributes.ts';
import { cohortMin, hitCustomersMin } from './cohorts.ts';
import type { Ratio } from './comparison.ts';
import { dailyFolds, type Daily } from './calendar.ts';
import { effectOf } from './effect.ts';
import type { FleetHistory } from './fleet-history.ts';
import { discoveryThreshold } from './intervals.ts';
import { switchesOf, type Switch } from './switches.ts';

/** What is installed on gateways, so that each can be compared with itself. */
export const versionedAttributes: readonly AttributeName[] = [
  'agentVersion',
  'os',
  'kernel',
  'nodeVersion',
  'diskFirmware',
];

/** One condition before and after gateways changed to a value, each gateway against itself. */
export interface ReleaseEffect {
  conditionId: string;
  /** Onsets in 1,000 gateway-days. */
  before: { gatewayDays: number; onsets: number; rate: number };
  after: { gatewayDays: number; onsets: number; rate: number };
  /** How many times as often after as before, with what the same days did to the others taken off. */
  ratio: Ratio;
  pValue: number;
  verdict: 'worse' | 'better' | 'no difference seen';
}
export interface Release {
  attribute: string;
  value: string;
  /** What they carried before, at most 3 values, the commonest first. */
  from: { value: string; gateways: number }[];
  /** That changed to it and were seen before and after. */
  gateways: number;
  customers: number;
  /** What most of them changed on the same day too: nothing tells its effect from this one’s. */
  alsoChanged: { attribute: string; value: string; share: number }[];
  /** False: too few others were there on the same days to compare with. */
  isAgainstOthers: boolean;
  /** The strongest first; conditions that began too seldom are left away. */
  effects: ReleaseEffect[];
  /** Of the onsets that were too few: how many conditions. */
  tooSeldom: number;
}

const onsetsMin = 5;
const alsoChangedMin = 0.7;
const releasesMax = 20;

/** Of each versioned attribute the values that most gateways changed to. */
export function releasesOf(history: FleetHistory, level: number): { releases: Release[]; tooFew: number } {
  const groups = versionedAttributes.flatMap((name) => {
    const attribute = history.attributes.indexOf(name);
    const switches = [...history.gateways.values()].flatMap((past) => switchesOf(past, attribute));
    const byValue = [...Map.groupBy(switches, ({ change }) => change.to).values()];
    return byValue.sort((a, b) => b.length - a.length).slice(0, releasesMax);
  });
  const large = groups.filter(
    (of) =>
      of.length >= cohortMin.gateways &&
      new Set(of.map(({ past }) => past.customer)).size >= cohortMin.customers,
  );
  const folds = history.conditions.names.map((_, c) => dailyFolds(history.gateways.values(), c));
  const releases = large.map((of) => releaseOf(history, of, folds));
  judge(releases, level);
  return { releases, tooFew: groups.length - large.length };
}

function releaseOf(
  history: FleetHistory,
  switches: readonly Switch[],
  folds: readonly (readonly Daily[])[],
): Release {
  const [{ change }] = switches as [Switch];
  const names = (attribute: number) => history.values[attribute]!.names;
  const pasts = new Set(switches.map(({ past }) => past));
  const all = history.conditions.names.map((conditionId, condition) => ({
    conditionId,
    verdict: 'no difference seen' as const,
    ...effectOf(switches, condition, folds[condition]!),
  }));
  const told = all.filter(({ before, after }) => before.onsets + after.onsets > 0);
  const effects = told.filter(
    ({ before, after, hit }) => before.onsets + after.onsets >= onsetsMin && hit >= hitCustomersMin,
  );
  const from = Map.groupBy(switches, (one) => one.change.from);
  return {
    attribute: history.attributes[change.attribute]!,
    value: names(change.attribute)[change.to]!,
    from: [...from]
      .map(([code, of]) => ({ value: names(change.attribute)[code]!, gateways: of.length }))
      .sort((a, b) => b.gateways - a.gateways)
      .slice(0, 3),
    gateways: pasts.size,
    customers: new Set(switches.map(({ past }) => past.customer)).size,
    alsoChanged: alsoChanged(history, switches),
    isAgainstOthers: effects.every((effect) => effect.isAgainstOthers),
    effects: effects.map(({ hit: _hit, isAgainstOthers: _is, ...effect }) => effect),
    tooSeldom: told.length - effects.length,
  };
}

/** What was changed together with most of them. */
function alsoChanged(history: FleetHistory, switches: readonly Switch[]): Release['alsoChanged'] {
  const counts = new Map<string, { attribute: number; to: number; count: number }>();
  for (const { past, change } of switches)
    for (const { attribute, day, to } of past.changes) {
      if (attribute === change.attribute || day !== change.day) continue;
      const key = `${attribute} ${to}`;
      const one = counts.get(key) ?? { attribute, to, count: 0 };
      counts.set(key, { ...one, count: one.count + 1 });
    }
  return [...counts.values()]
    .map(({ attribute, to, count }) => ({
      attribute: history.attributes[attribute]!,
      value: history.values[attribute]!.names[to]!,
      share: count / switches.length,
    }))
    .filter(({ share }) => share >= alsoChangedMin)
    .sort((a, b) => b.share - a.share);
}

/** Marks what is so by luck in at most the share `level` of all that is marked; the strongest effects first. */
function judge(releases: readonly Release[], level: number): void {
  const effects = releases.flatMap((release) => release.effects);
  const threshold = discoveryThreshold(
    effects.map(({ pValue }) => pValue),
    effects.length,
    level,
  );
  for (const effect of effects)
    if (effect.pValue <= threshold)
      if (effect.ratio.low > 1) effect.verdict = 'worse';
      else if (effect.ratio.high < 1) effect.verdict = 'better';
  for (const release of releases) release.effects.sort((a, b) => a.pValue - b.pValue);
}
