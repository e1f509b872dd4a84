import { Command } from 'commander';
import { HoldfastError } from '../../core/errors.ts';
import { textTable } from '../../core/text-table.ts';
import { missingClients } from '../support/clients.ts';
import { runScript } from '../support/run-script.ts';
import { wholeNumber } from '../support/whole-number.ts';
import type { Explained } from './explained.ts';
import * as notices from './notices-compared.ts';
import { handMadeScenes, seededScene } from './plays.ts';
import { handMade } from './recordings.ts';
import * as rules from './rules-compared.ts';
import { seededCorpus } from './seeded-recordings.ts';

/** `npm run differential`: any range of seeds. Exit 1 where a difference has no explanation, or an explanation no difference. */
interface Report {
  recordings: number;
  scenes: number;
  explained: Record<string, Explained>;
  /** Differences that no rule explains; the first of each kind. */
  unexplained: unknown[];
  /** Rules that explain nothing here. */
  idle: string[];
}

const recordingsAtOnce = 200;
/** More groups would keep Alertmanager busy for longer than the time between two flushes. */
const scenesAtOnce = 20;
const shownMax = 20;

async function compared(start: number, seeds: number, sceneSeeds: number, step: () => void): Promise<Report> {
  const corpora = [...handMade];
  for (const [first, count] of batches(start, seeds, recordingsAtOnce))
    corpora.push(seededCorpus(first, count));
  const unexplained: unknown[] = [];
  for (const corpus of corpora) {
    const objection = await rules.prometheusObjects(corpus);
    if (objection !== '') unexplained.push(objection);
    unexplained.push(...rules.holdfastSurprises(corpus));
    step();
  }
  const scenes = await handMadeScenes();
  for (let seed = start; seed < start + sceneSeeds; seed++) scenes.push(await seededScene(seed));
  for (const [first, count] of batches(0, scenes.length, scenesAtOnce)) {
    unexplained.push(...(await notices.alertmanagerSurprises(scenes.slice(first, first + count))));
    step();
  }
  unexplained.push(...notices.holdfastSurprises(scenes));
  const explained = [...rules.rulesExplained(corpora), ...notices.noticesExplained(scenes)];
  return {
    recordings: corpora.reduce((sum, { recordings }) => sum + recordings.length, 0),
    scenes: scenes.length,
    explained: Object.fromEntries(explained),
    unexplained: unexplained.slice(0, shownMax),
    idle: explained.flatMap(([id, { moments }]) => (moments === 0 ? [id] : [])),
  };
}

function batches(start: number, count: number, most: number): [start: number, count: number][] {
  return Array.from({ length: Math.ceil(count / most) }, (_, i) => [
    start + i * most,
    Math.min(most, count - i * most),
  ]);
}

async function main(): Promise<void> {
  const program = new Command('differential')
    .description(
      'gives the same recordings to Holdfast and to Debian’s Prometheus, and the same alerts to its Alertmanager,\n' +
        'and explains each difference by a rule of docs/alerts-and-prometheus.md',
    )
    .option('--start <seed>', 'first seed', '1')
    .option('--seeds <count>', 'recordings of four hours each', '1000')
    .option('--scenes <count>', 'fleets whose alerts Alertmanager gets', '40')
    .option('--json', 'print the report as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  $ npm run differential -- --seeds 5000 --scenes 200\n' +
        '  $ npm run -s differential -- --start 17 --seeds 1 --scenes 1 --json',
    )
    .action(async () => {
      const flags = program.opts<{ start: string; seeds: string; scenes: string; json?: boolean }>();
      const start = wholeNumber('--start', flags.start, 0, 2 ** 32 - 1);
      const seeds = wholeNumber('--seeds', flags.seeds, 1, 1_000_000);
      const sceneSeeds = wholeNumber('--scenes', flags.scenes, 1, 10_000);
      const missing = missingClients(['promtool', 'alertmanager']);
      if (missing.length > 0)
        throw new HoldfastError('UNSUPPORTED', `${missing.join(' and ')} not installed`, {
          hint: '`npm run setup` installs what the tests need',
        });
      const report = await compared(start, seeds, sceneSeeds, () => {
        if (process.stderr.isTTY) process.stderr.write('.');
      });
      if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
      if (flags.json) console.log(JSON.stringify(report));
      else print(report);
      if (report.unexplained.length + report.idle.length > 0) process.exitCode = 1;
    });
  await runScript(program);
}

function print({ recordings, scenes, explained, unexplained, idle }: Report): void {
  const rows = Object.entries(explained).map(([id, { moments, cases, example }]) => [
    ...[id, String(moments), String(cases), example || '-'],
  ]);
  const width = process.stdout.columns ?? 100;
  console.log(textTable(['difference', 'moments', 'cases', 'first'], rows, { width }));
  for (const each of unexplained) console.log(typeof each === 'string' ? each : JSON.stringify(each));
  for (const id of idle) console.log(`${id} explains nothing here`);
  const of = `${recordings} recordings and ${scenes} scenes`;
  console.log(
    unexplained.length > 0 ? `broken: not every difference is explained in ${of}` : `explained: all of ${of}`,
  );
}

await main();
