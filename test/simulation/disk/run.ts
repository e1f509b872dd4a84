import { availableParallelism } from 'node:os';
import { parentPort, Worker, isMainThread, workerData } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { asHoldfastError } from '../../../core/errors.ts';
import { runScript } from '../../support/run-script.ts';
import { wholeNumber } from '../../support/whole-number.ts';
import { simulate } from './simulation.ts';
import { emptyTally, type Tally } from './world.ts';

/**
 * `npm run simulate:restore`: any range of seeds of the simulation, on every core. Exit 1 where a rule of
 * docs/restore.md was broken.
 */
interface Report extends Tally {
  seeds: number;
  violations: number;
  /** What was broken, with the command that replays it; the first of them. */
  first: string[];
}

interface Range {
  start: number;
  /** Every so many-th seed is this worker's. */
  stride: number;
  end: number;
  arity: number | undefined;
}

const violationsKeptMax = 10;

const emptyReport = (): Report => ({ seeds: 0, violations: 0, ...emptyTally(), first: [] });

async function runRange({ start, stride, end, arity }: Range, progress: () => void): Promise<Report> {
  const report = emptyReport();
  for (let seed = start; seed < end; seed += stride) {
    try {
      add(report, { ...(await simulate({ seed, arity })), seeds: 1, violations: 0, first: [] });
    } catch (thrown) {
      add(report, { ...emptyReport(), seeds: 1, violations: 1, first: [(thrown as Error).message] });
    }
    progress();
  }
  return report;
}

function add(into: Report, one: Report): void {
  const { imagesLog2Max, first, ...counts } = one;
  for (const [name, value] of Object.entries(counts)) into[name as keyof typeof counts] += value;
  into.imagesLog2Max = Math.max(into.imagesLog2Max, imagesLog2Max);
  into.first = [...into.first, ...first].slice(0, violationsKeptMax);
}

async function runOnEveryCore(
  p: { start: number; seeds: number; arity: number | undefined },
  progress: () => void,
): Promise<Report> {
  const stride = Math.min(availableParallelism(), p.seeds);
  const report = emptyReport();
  const workers = Array.from({ length: stride }, async (_, i) => {
    const range: Range = { start: p.start + i, stride, end: p.start + p.seeds, arity: p.arity };
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: range });
    const done = Promise.withResolvers<Report>();
    worker.on('message', (message: 'progress' | Report) =>
      message === 'progress' ? progress() : done.resolve(message),
    );
    worker.on('error', done.reject);
    add(report, await done.promise);
  });
  await Promise.all(workers);
  return report;
}

async function main(): Promise<void> {
  const program = new Command('simulate:restore')
    .description('crashes restores on a simulated disk and judges every image that each crash could leave')
    .option('--start <seed>', 'first seed', '1')
    .option('--seeds <count>', 'how many seeds', '1000')
    .option('--arity <k>', 'of the tree; without it each seed draws its own')
    .option('--json', 'print the report as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  $ npm run simulate:restore -- --seeds 5000 --arity 16\n  $ npm run -s simulate:restore -- --start 17 --seeds 1 --json',
    )
    .action(async () => {
      const flags = program.opts<{ start: string; seeds: string; arity?: string; json?: boolean }>();
      const start = wholeNumber('--start', flags.start, 0, 2 ** 32 - 1);
      const seeds = wholeNumber('--seeds', flags.seeds, 1, 10_000_000);
      const arity = flags.arity === undefined ? undefined : wholeNumber('--arity', flags.arity, 2, 256);
      let done = 0;
      const report = await runOnEveryCore({ start, seeds, arity }, () => {
        done++;
        if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${seeds} seeds`);
      });
      if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
      if (flags.json) console.log(JSON.stringify(report));
      else print(report);
      if (report.violations > 0) process.exitCode = 1;
    });
  await runScript(program);
}

function print({ first, ...counts }: Report): void {
  for (const [name, value] of Object.entries(counts)) console.log(`${name.padEnd(16)} ${value}`);
  for (const violation of first) console.log(violation);
}

if (isMainThread) await main();
else {
  const report = await runRange(workerData as Range, () => parentPort?.postMessage('progress')).catch(
    (thrown: unknown) => {
      throw asHoldfastError(thrown);
    },
  );
  parentPort?.postMessage(report);
}
