import { Command, Option } from 'commander';
import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { wrappedText } from '../../../core/text-table.ts';
import { inWorkers } from '../../support/in-workers.ts';
import { runScript } from '../../support/run-script.ts';
import { wholeNumber } from '../../support/whole-number.ts';
import { breakages } from './breakages.ts';
import { commandCountDefault, designs, simulate, type Design } from './simulate.ts';
import { Tally, violationMeanings, type TallyFields } from './tally.ts';

/**
 * `npm run simulate:connections`: any range of seeds, on every core. Exit 1 where a command was lost, started twice,
 * run for a replaced connection, or left without an end.
 */
interface Range {
  start: number;
  /** Every so many-th seed is this worker's. */
  stride: number;
  end: number;
  design: Design;
  broken: string | undefined;
  commandCount: number;
  traced: boolean;
  /** Set by whichever worker met a violation, where the first one is to end the run. */
  stop: Int32Array | undefined;
}

async function runRange(range: Range, progress: () => void): Promise<Tally> {
  const sum = new Tally();
  const { design, commandCount, traced } = range;
  const breakage = range.broken === undefined ? {} : breakages[range.broken]!;
  for (let seed = range.start; seed < range.end && range.stop?.[0] !== 1; seed += range.stride) {
    const { tally, trace } = await simulate({ seed, design, breakage, commandCount, traced });
    tally.first = tally.first.map((what) => `${what} (${replay(seed, range)})`);
    sum.add(tally);
    if (range.stop && tally.violations > 0) range.stop[0] = 1;
    for (const line of trace) console.error(line);
    progress();
  }
  return sum;
}

const replay = (seed: number, { design, broken, commandCount }: Range): string =>
  [
    `npm run -s simulate:connections -- --start ${seed} --seeds 1 --trace`,
    commandCount === commandCountDefault ? '' : `--commands ${commandCount}`,
    design === 'holdfast' ? '' : `--design ${design}`,
    broken === undefined ? '' : `--break ${broken}`,
  ]
    .filter(Boolean)
    .join(' ');

async function runOnEveryCore(all: Omit<Range, 'stride'>, progress: () => void): Promise<Tally> {
  const stride = Math.min(availableParallelism(), all.end - all.start);
  const sum = new Tally();
  const ranges = Array.from({ length: stride }, (_, i): Range => ({ ...all, start: all.start + i, stride }));
  const tallies = await inWorkers<Range, TallyFields>(import.meta.url, ranges, progress);
  tallies.forEach((tally) => sum.add(tally));
  return sum;
}

interface Flags {
  start: string;
  seeds: string;
  commands: string;
  design: Design;
  break?: string;
  trace?: boolean;
  untilViolation?: boolean;
  json?: boolean;
}

const countsText = [
  '\nThe run fails, and exits with 1, where one of these is not 0:',
  ...Object.entries(violationMeanings).map(([name, meaning]) =>
    wrappedText(meaning, { width: process.stdout.columns ?? 80, prefix: `  ${name.padEnd(13)} ` }),
  ),
  'The other counts say how far the schedules went, and how often each final state was',
  'reached.',
].join('\n');

async function main(): Promise<void> {
  const program = new Command('simulate:connections')
    .description(
      'runs the real handlers and the real agent over a simulated network, clock, disk and store that fail in every way,\n' +
        'and judges what became of each command',
    )
    .option('--start <seed>', 'first seed', '1')
    .option('--seeds <count>', 'how many seeds', '200')
    .option('--commands <count>', 'commands sent in each seed', String(commandCountDefault))
    .addOption(new Option('--design <name>', 'what is simulated').choices(designs).default('holdfast'))
    .addOption(new Option('--break <rule>', 'with one rule broken').choices(Object.keys(breakages)))
    .option('--until-violation', 'end with the first seed that shows one')
    .option('--trace', 'print everything that happens to stderr')
    .option('--json', 'print the report as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  $ npm run simulate:connections -- --seeds 10000\n' +
        '  $ npm run -s simulate:connections -- --start 17 --seeds 1 --trace --json\n' +
        '  $ npm run -s simulate:connections -- --break oldest-connection-wins --until-violation\n' +
        '  $ npm run -s simulate:connections -- --design textbook',
    )
    .addHelpText('after', countsText)
    .action(async () => {
      const flags = program.opts<Flags>();
      const start = wholeNumber('--start', flags.start, 0, 2 ** 32 - 1);
      const seeds = wholeNumber('--seeds', flags.seeds, 1, 10_000_000);
      const commandCount = wholeNumber('--commands', flags.commands, 1, 10_000);
      const { design, break: broken, trace: traced = false } = flags;
      let done = 0;
      const stop = flags.untilViolation ? new Int32Array(new SharedArrayBuffer(4)) : undefined;
      const all = { start, end: start + seeds, design, broken, commandCount, traced, stop };
      const sum = await runOnEveryCore(all, () => {
        done++;
        if (process.stderr.isTTY && !traced) process.stderr.write(`\r${done} of ${seeds} seeds`);
      });
      if (process.stderr.isTTY && !traced) process.stderr.write('\r\x1b[K');
      if (flags.json) console.log(JSON.stringify(sum));
      else print(sum);
      if (sum.violations > 0) process.exitCode = 1;
    });
  await runScript(program);
}

function print(sum: Tally): void {
  const { first, states, ...counts } = sum;
  for (const [name, value] of [...Object.entries(counts), ...Object.entries(states)])
    console.log(`${name.padEnd(18)} ${String(value)}`);
  for (const violation of first) console.log(violation);
  const of = `in ${sum.seeds} seeds with ${sum.commands} commands`;
  if (sum.violations === 0) console.log(`held: no violation ${of}`);
  else console.log(`broken: ${sum.violations} violations ${of}; --help says what each count means`);
}

if (isMainThread) await main();
else {
  const sum = await runRange(workerData as Range, () => parentPort?.postMessage('progress'));
  parentPort?.postMessage({ ...sum });
}
