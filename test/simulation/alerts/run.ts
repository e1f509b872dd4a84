import { Command, Option } from 'commander';
import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { wrappedText } from '../../../core/text-table.ts';
import { inWorkers } from '../../support/in-workers.ts';
import { runScript } from '../../support/run-script.ts';
import { wholeNumber } from '../../support/whole-number.ts';
import { breakages } from './breakages.ts';
import { simulate } from './simulate.ts';
import { Tally, violationMeanings, type TallyFields } from './tally.ts';

/** `npm run simulate:alerts`: any range of seeds, on every core. Exit 1 where an alert broke its promise. */
interface Share {
  start: number;
  /** Every so many-th seed is this thread's. */
  stride: number;
  end: number;
  broken: string | undefined;
}

async function runShare({ start, stride, end, broken }: Share): Promise<Tally> {
  const sum = new Tally();
  const breaking = broken === undefined ? '' : ` --break ${broken}`;
  for (let seed = start; seed < end; seed += stride) {
    const tally = await simulate(seed, broken);
    const replay = `npm run -s simulate:alerts -- --start ${seed} --seeds 1${breaking}`;
    tally.first = tally.first.map((what) => `${what} (${replay})`);
    sum.add(tally);
    parentPort?.postMessage('progress');
  }
  return sum;
}

const countsText = [
  '\nThe run fails, and exits with 1, where one of these is not 0:',
  ...Object.entries(violationMeanings).map(([name, meaning]) =>
    wrappedText(meaning, { width: process.stdout.columns ?? 80, prefix: `  ${name.padEnd(13)} ` }),
  ),
  'The other counts say how far the schedules went.',
].join('\n');

async function main(): Promise<void> {
  const program = new Command('simulate:alerts')
    .description(
      'runs the real status proxy, alert lifecycle, event sink and router over stores and a bus that fail in every way,\n' +
        'and judges what a subscriber was told',
    )
    .option('--start <seed>', 'first seed', '1')
    .option('--seeds <count>', 'how many seeds', '1000')
    .addOption(new Option('--break <rule>', 'with one rule broken').choices(Object.keys(breakages)))
    .option('--json', 'print the report as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  $ npm run simulate:alerts -- --seeds 10000\n' +
        '  $ npm run -s simulate:alerts -- --start 17 --seeds 1 --json\n' +
        '  $ npm run -s simulate:alerts -- --break lost-updates',
    )
    .addHelpText('after', countsText)
    .action(async () => {
      const flags = program.opts<{ start: string; seeds: string; break?: string; json?: boolean }>();
      const start = wholeNumber('--start', flags.start, 0, 2 ** 32 - 1);
      const seeds = wholeNumber('--seeds', flags.seeds, 1, 10_000_000);
      const stride = Math.min(availableParallelism(), seeds);
      const shares = Array.from({ length: stride }, (_, i): Share => {
        return { start: start + i, stride, end: start + seeds, broken: flags.break };
      });
      let done = 0;
      const sum = new Tally();
      const tallies = await inWorkers<Share, TallyFields>(import.meta.url, shares, () => {
        done++;
        if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${seeds} seeds`);
      });
      tallies.forEach((tally) => sum.add(tally));
      if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
      const { violations, reached, first } = sum;
      if (flags.json) console.log(JSON.stringify({ ...reached, ...violations, first }));
      else print(sum);
      if (sum.violationCount > 0) process.exitCode = 1;
    });
  await runScript(program);
}

function print({ violations, reached, first, violationCount }: Tally): void {
  for (const [name, value] of [...Object.entries(reached), ...Object.entries(violations)])
    console.log(`${name.padEnd(18)} ${value}`);
  for (const violation of first) console.log(violation);
  const of = `in ${reached.seeds} seeds with ${reached.firings} firings`;
  if (violationCount === 0) console.log(`held: no violation ${of}`);
  else console.log(`broken: ${violationCount} violations ${of}; --help says what each count means`);
}

if (isMainThread) await main();
else {
  const { violations, reached, first } = await runShare(workerData as Share);
  parentPort?.postMessage({ violations, reached, first });
}
