import { mkdtemp, writeFile } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import type { BenchCase, Measured } from './restore/cases.ts';
import { coldMiss, flush } from './restore/busy.ts';
import { coldStart, firstBlock } from './restore/first-block.ts';
import { killed } from './restore/killed.ts';
import { localIo } from './restore/local-io.ts';
import { snapshotCreate } from './restore/snapshot-create.ts';
import { wholeImage } from './restore/whole-image.ts';
import { withGuests } from './restore/with-guests.ts';
import { World } from './restore/world.ts';
import { median } from './support/stats.ts';

const suites: Record<string, readonly BenchCase[]> = {
  restore: [localIo, wholeImage, withGuests, coldMiss, firstBlock, coldStart, killed, snapshotCreate, flush],
};

interface Flags {
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

async function bench(suite: string, flags: Flags): Promise<void> {
  const cases = suites[suite];
  if (!cases) throw new Error(`there is no suite ${suite}; there are ${Object.keys(suites).join(', ')}`);
  const world = new World(await mkdtemp(join(tmpdir(), 'holdfast-bench-')), Number(flags.sizeMib) * 2 ** 20);
  const report: Record<string, unknown> = {
    at: new Date().toISOString(),
    machine: { cpu: cpus()[0]?.model, cores: cpus().length, memoryBytes: totalmem(), node: process.version },
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

await new Command('bench')
  .description('measures Holdfast and its peers, interleaved, on the same work')
  .argument('<suite>', Object.keys(suites).join(', '))
  .option('--rounds <count>', 'how often each case is measured', '5')
  .option('--only <cases>', 'names of cases, with commas between')
  .option('--size-mib <count>', 'size of the image', '1024')
  .option('--json <file>', 'write everything that was measured to this file')
  .addHelpText(
    'after',
    '\nNeeds `npm run setup`.\n\nExample:\n  $ npm run bench -- restore --only local-io --rounds 3',
  )
  .action((suite: string, flags: Flags) => bench(suite, flags))
  .parseAsync();
