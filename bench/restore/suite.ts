import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { machine } from '../support/machine.ts';
import { median } from '../support/stats.ts';
import { coldMiss, flush } from './busy.ts';
import type { BenchCase, Measured } from './cases.ts';
import { coldStart, firstBlock } from './first-block.ts';
import { killed } from './killed.ts';
import { localIo } from './local-io.ts';
import { snapshotCreate } from './snapshot-create.ts';
import { wholeImage } from './whole-image.ts';
import { withGuests } from './with-guests.ts';
import { World } from './world.ts';

const cases: readonly BenchCase[] = [
  localIo,
  wholeImage,
  withGuests,
  coldMiss,
  firstBlock,
  coldStart,
  killed,
  snapshotCreate,
  flush,
];

export interface RestoreFlags {
  rounds: string;
  only?: string;
  sizeMib: string;
  json?: string;
}

/** Medians of the ratios of each round: rounds are interleaved, so what slows the machine slows both sides. */
function summarize({ baseline, goals }: BenchCase, rounds: Measured[]) {
  const names = [...new Set(rounds.flatMap((round) => Object.keys(round)))];
  return names.flatMap((name) =>
    Object.entries(goals).map(([metric, { better, goal }]) => {
      const values = rounds.map((round) => round[name]?.[metric] ?? NaN);
      const ratios = rounds.map(
        (round) => (round[name]?.[metric] ?? NaN) / (round[baseline]?.[metric] ?? NaN),
      );
      const ratio = median(ratios);
      const isMet = better === 'less' ? ratio <= goal : ratio >= goal;
      return { contender: name, metric, median: median(values), ratio, ratios, better, goal, isMet };
    }),
  );
}

/** Holdfast and its peers on the same work, interleaved. */
export async function restoreSuite(flags: RestoreFlags): Promise<void> {
  const world = new World(await mkdtemp(join(tmpdir(), 'holdfast-bench-')), Number(flags.sizeMib) * 2 ** 20);
  const report: Record<string, unknown> = {
    ...machine(),
    imageBytes: world.imageBytes,
  };
  try {
    await world.prepare();
    for (const one of cases.filter(({ name }) => !flags.only || flags.only.split(',').includes(name))) {
      console.log(`\n${one.name}: ${one.summary}; baseline ${one.baseline} = 1`);
      const rounds: Measured[] = [];
      for (let round = 0; round < Number(flags.rounds); round++) {
        const order = <T>(contenders: T[]): T[] =>
          contenders.map((_, i) => contenders[(i + round) % contenders.length]!);
        await world.forgetReads();
        rounds.push(await one.round(world, order));
      }
      const rows = summarize(one, rounds);
      for (const { contender, metric, median: value, ratio, better, goal, isMet } of rows) {
        const aim =
          contender === 'holdfast'
            ? `goal ${better === 'less' ? '≤' : '≥'} ${goal}${isMet ? '' : '  MISSED'}`
            : '';
        console.log(
          `  ${metric.padEnd(32)} ${contender.padEnd(20)} ${value.toFixed(2).padStart(10)}  ${ratio.toFixed(2).padStart(6)}  ${aim}`,
        );
      }
      report[one.name] = { rounds, rows };
    }
  } finally {
    await world.remove();
  }
  if (flags.json) await writeFile(flags.json, `${JSON.stringify(report, null, 2)}\n`);
}
