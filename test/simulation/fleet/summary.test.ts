import { seeded } from '../../support/random.ts';
import { bootstrap } from './intervals.ts';
import type { Judged } from './score.ts';
import type { FleetRun } from './simulate.ts';
import { summarize } from './summary.ts';
import type { TrueFault } from './truth.ts';

const fault = (id: string, added: number, isEligible = true) => ({ id, added, isEligible }) as TrueFault;
const falseOne = (because: string) => ({ verdict: 'false', because }) as Judged;

/** A day of one fleet with a large and a small fault, of which `missed` were not found. */
const run = (right: number, because: string[], missed: string[], minutesToFind: number[]) =>
  ({
    windows: 96,
    truth: { faults: [fault('large', 0.05), fault('small', 0.02), fault('tiny', 0.01, false)] },
    scores: {
      mine: {
        findings: because.map(falseOne),
        right,
        falsePatterns: because.length,
        partial: 1,
        eligible: 2,
        foundFaults: 2 - missed.length,
        foundFirst: missed.length === 0 ? 1 : 0,
        missed: missed.map((id) => ({ id, cause: [] })),
        minutesToFind,
        secondsTaken: 1,
      },
    },
  }) as unknown as FleetRun;

describe('the summary over seeds', () => {
  const runs = [
    run(5, ['background'], [], [15, 45]),
    run(1, ['background', 'beside large, small'], ['small'], [30]),
  ];
  const summary = summarize(runs, 'mine', 15);

  it('pools the findings and the faults of all seeds', () => {
    expect(summary).toMatchObject({ right: 6, falsePatterns: 3 });
    expect(summary).toMatchObject({ eligible: 4, foundFaults: 3, recall: 0.75, partial: 2 });
    expect(summary.precision).toBeCloseTo(2 / 3);
    expect(summary.topOne).toBeCloseTo(1 / 3);
    expect(summary.falsePatternsPerDay).toBe(1.5);
    expect(summary.minutesToFindMedian).toBe(30);
  });

  it('tells recall apart by how much a fault adds, and false patterns by what was going on', () => {
    expect(summary.recallByAdded).toMatchObject({
      '+0.05': { found: 2, eligible: 2 },
      '+0.02': { found: 1, eligible: 2 },
    });
    expect(summary.falseBecause).toEqual({ background: 2, 'beside several faults': 1 });
  });

  it('has no share of nothing, and an interval that still says how little was seen', () => {
    const quiet = summarize(
      [{ ...run(0, [], [], []), truth: { faults: [] } } as unknown as FleetRun],
      'mine',
      15,
    );
    expect(quiet.precision).toBeNull();
    expect(quiet.falsePatternsPerDayInterval[1]).toBeCloseTo(3.7, 1);
  });
});

it('the bootstrap draws whole seeds: where they differ much it is wider than where they are alike', () => {
  const width = (groups: [number, number][]) => {
    const [low, high] = bootstrap(groups, seeded(1))!;
    return high - low;
  };
  const alike = Array.from({ length: 20 }, (): [number, number] => [5, 10]);
  const apart = Array.from({ length: 20 }, (_, i): [number, number] => [i % 2 === 0 ? 10 : 0, 10]);
  expect(width(alike)).toBe(0);
  expect(width(apart)).toBeGreaterThan(0.3);
});
