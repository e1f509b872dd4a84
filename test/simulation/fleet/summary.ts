import { seeded } from '../../support/random.ts';
import { bootstrap, poissonInterval, wilson, type Interval } from './intervals.ts';
import type { FleetRun } from './simulate.ts';

/** Over all seeds of a run. A share of nothing is null. */
export interface Summary {
  readonly precision: number | null;
  readonly precisionInterval: Interval | null;
  readonly recall: number | null;
  readonly recallInterval: Interval | null;
  /** Recall by how much the fault adds: `+0.05`. */
  readonly recallByAdded: Record<string, { found: number; eligible: number; interval: Interval | null }>;
  readonly topOne: number | null;
  readonly topOneInterval: Interval | null;
  readonly right: number;
  readonly falsePatterns: number;
  readonly falsePatternsPerDay: number;
  readonly falsePatternsPerDayInterval: Interval;
  /** False patterns by what was going on. */
  readonly falseBecause: Record<string, number>;
  readonly partial: number;
  readonly eligible: number;
  readonly foundFaults: number;
  readonly minutesToFindMedian: number | null;
  readonly secondsTaken: number;
}

/** Seeds from which on precision's interval is drawn from seeds: findings of one fleet hang together. */
const bootstrapSeedsMin = 10;

export function summarize(runs: readonly FleetRun[], detector: string, windowMinutes: number): Summary {
  const scores = runs.map(({ scores }) => scores[detector]!);
  const sum = (pick: (score: (typeof scores)[number]) => number) =>
    scores.reduce((all, score) => all + pick(score), 0);
  const [right, falsePatterns] = [sum((score) => score.right), sum((score) => score.falsePatterns)];
  const [eligible, found] = [sum((score) => score.eligible), sum((score) => score.foundFaults)];
  const foundFirst = sum((score) => score.foundFirst);
  const days = (runs.reduce((all, { windows }) => all + windows, 0) * windowMinutes) / 1_440;
  const [low, high] = poissonInterval(falsePatterns);
  const minutes = scores.flatMap(({ minutesToFind }) => minutesToFind).sort((one, other) => one - other);
  const groups = scores.map((score) => [score.right, score.right + score.falsePatterns] as const);
  const isPerfect = right === 0 || falsePatterns === 0;
  return {
    precision: share(right, right + falsePatterns),
    precisionInterval:
      runs.length >= bootstrapSeedsMin && !isPerfect
        ? bootstrap(groups, seeded(1))
        : wilson(right, right + falsePatterns),
    recall: share(found, eligible),
    recallInterval: wilson(found, eligible),
    recallByAdded: recallByAdded(runs, detector),
    topOne: share(foundFirst, found),
    topOneInterval: wilson(foundFirst, found),
    right,
    falsePatterns,
    falsePatternsPerDay: falsePatterns / days,
    falsePatternsPerDayInterval: [low / days, high / days],
    falseBecause: tally(
      scores.flatMap(({ findings }) =>
        findings
          .filter(({ verdict }) => verdict === 'false')
          .map(({ because }) => because.replace(/ .*,.*/, ' several faults')),
      ),
    ),
    partial: sum((score) => score.partial),
    eligible,
    foundFaults: found,
    minutesToFindMedian: minutes[Math.floor((minutes.length - 1) / 2)] ?? null,
    secondsTaken: sum((score) => score.secondsTaken),
  };
}

const share = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);

function tally(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

function recallByAdded(runs: readonly FleetRun[], detector: string): Summary['recallByAdded'] {
  const sizes: Record<string, { found: number; eligible: number }> = {};
  for (const { truth, scores } of runs) {
    const missed = new Set(scores[detector]!.missed.map(({ id }) => id));
    for (const { id, added, isEligible } of truth.faults) {
      if (!isEligible) continue;
      const size = (sizes[`+${added}`] ??= { found: 0, eligible: 0 });
      size.eligible++;
      if (!missed.has(id)) size.found++;
    }
  }
  return Object.fromEntries(
    Object.entries(sizes).map(([name, size]) => [
      name,
      { ...size, interval: wilson(size.found, size.eligible) },
    ]),
  );
}
