import type { FleetRun } from './simulate.ts';
import type { Scenario } from './scenario.ts';
import type { Judged } from './score.ts';
import { startMs } from './sights.ts';
import { summarize, type Summary } from './summary.ts';
import type { Truth } from './truth.ts';

interface Asked {
  readonly gateways: number;
  readonly seed: number;
  readonly seeds: number;
  readonly nullDays: number | undefined;
}

/** What `--json` prints. `truth` and `found` have an entry for each seed. */
export interface Report extends Asked {
  readonly windowMinutes: number;
  readonly scoredDays: number;
  readonly truth: readonly SeedTruth[];
  readonly detectors: Record<string, Summary & { readonly found: readonly SeedFindings[] }>;
}

interface SeedTruth extends Omit<Truth, 'outages'> {
  readonly seed: number;
  readonly startMs: number;
  readonly customers: number;
  /** Those of more than one customer; of the others `outageCounts` has the number. */
  readonly outages: Truth['outages'];
  readonly outageCounts: Record<string, number>;
  readonly onsets: Record<string, number>;
  readonly hiddenOnsets: number;
}

interface SeedFindings {
  readonly seed: number;
  readonly findings: readonly Judged[];
  readonly missed: readonly unknown[];
}

export function reportOf(
  runs: readonly FleetRun[],
  { windowMinutes }: Scenario,
  detectors: readonly string[],
  asked: Asked,
): Report {
  return {
    ...asked,
    windowMinutes,
    scoredDays: (runs.reduce((sum, { windows }) => sum + windows, 0) * windowMinutes) / 1_440,
    truth: runs.map(truthOf),
    detectors: Object.fromEntries(
      detectors.map((name) => [
        name,
        {
          ...summarize(runs, name, windowMinutes),
          found: runs.map(({ seed, scores }) => ({
            seed,
            findings: scores[name]!.findings,
            missed: scores[name]!.missed,
          })),
        },
      ]),
    ),
  };
}

function truthOf({ seed, customers, truth, onsets, hiddenOnsets }: FleetRun): SeedTruth {
  const ofOne = (domain: string) => domain === 'site' || domain === 'customer';
  const outageCounts: Record<string, number> = {};
  for (const { domain } of truth.outages) outageCounts[domain] = (outageCounts[domain] ?? 0) + 1;
  const outages = truth.outages.filter(({ domain }) => !ofOne(domain));
  return { seed, startMs, customers, ...truth, outages, outageCounts, onsets, hiddenOnsets };
}
