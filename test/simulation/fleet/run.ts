import { Command } from 'commander';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { HoldfastError } from '../../../core/errors.ts';
import { inWorkers } from '../../support/in-workers.ts';
import { runScript } from '../../support/run-script.ts';
import { wholeNumber } from '../../support/whole-number.ts';
import { defaultScenario } from './default-scenario.ts';
import { detectors } from './detectors.ts';
import { printReport } from './print-report.ts';
import { reportOf } from './report.ts';
import { parseScenario, type Scenario } from './scenario.ts';
import { simulateFleet, withoutFaults, type FleetRun } from './simulate.ts';

interface Share {
  scenario: Scenario;
  gateways: number;
  start: number;
  /** Every so many-th seed is this thread's. */
  stride: number;
  end: number;
}

/** `npm run simulate:fleet`: seeded fleets whose faults are known, and what detectors of patterns say about them. */
const program = new Command('simulate:fleet')
  .description(
    'simulates fleets of gateways with faults that are known, shows detectors what a status scan would show them,\n' +
      'and scores the patterns that they find; see docs/fleet-simulator.md',
  )
  .option('--gateways <count>', 'of each fleet', '100000')
  .option('--seed <number>', 'of everything that is random; the first one with --seeds', '1')
  .option('--seeds <count>', 'how many fleets', '1')
  .option('--jobs <count>', 'threads, each of which takes fleets of its own', String(availableParallelism()))
  .option('--scenario <file>', 'JSON; without it, the built-in scenario')
  .option('--null-days <count>', 'so many days of each fleet, without faults')
  .option('--print-scenario', 'print the scenario with every default filled in, and end')
  .option('--json', 'print the report as JSON')
  .addHelpText(
    'after',
    '\nExamples:\n  $ npm run simulate:fleet -- --gateways 20000 --seed 7\n' +
      '  $ npm run -s simulate:fleet -- --scenario faults.json --seeds 20 --json\n' +
      '  $ npm run simulate:fleet -- --null-days 7\n' +
      '  $ npm run -s simulate:fleet -- --print-scenario > faults.json',
  )
  .action(async () => {
    const flags = program.opts<Record<string, string> & { json?: boolean; printScenario?: boolean }>();
    const count = (name: string, max: number, min = 1) =>
      wholeNumber(`--${name}`, flags[name] ?? '', min, max);
    const asked = await scenarioFrom(flags['scenario']);
    if (flags.printScenario) return console.log(JSON.stringify(asked, null, 2));
    const nullDays =
      flags['nullDays'] === undefined ? undefined : wholeNumber('--null-days', flags['nullDays'], 1, 366);
    const scenario = nullDays === undefined ? asked : withoutFaults(asked, nullDays);
    const [gateways, seed, seeds, jobs] = [
      count('gateways', 2_000_000),
      count('seed', 2 ** 32 - 1, 0),
      count('seeds', 100_000),
      count('jobs', 256),
    ];
    const stride = Math.min(seeds, jobs);
    const shares = Array.from({ length: stride }, (_, i): Share => {
      return { scenario, gateways, start: seed + i, stride, end: seed + seeds };
    });
    let done = 0;
    const parts = await inWorkers<Share, FleetRun[]>(import.meta.url, shares, () => {
      if (process.stderr.isTTY) process.stderr.write(`\r${++done} of ${seeds} fleets`);
    });
    const runs = parts.flat().sort((a, b) => a.seed - b.seed);
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    const report = reportOf(runs, scenario, Object.keys(detectors), { gateways, seed, seeds, nullDays });
    // The product's own scores stand at the top, too.
    if (flags.json) console.log(JSON.stringify({ ...report.detectors['holdfast'], ...report }));
    else printReport(report);
  });

async function scenarioFrom(file: string | undefined): Promise<Scenario> {
  if (file === undefined) return parseScenario(defaultScenario, 'the built-in scenario');
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new HoldfastError('NOT_FOUND', `cannot read ${file}`, { cause, hint: 'name a scenario file' });
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new HoldfastError('INVALID_INPUT', `${file} is not JSON: ${(cause as Error).message}`, {
      cause,
      hint: 'see docs/fleet-simulator.md',
    });
  }
  return parseScenario(json, file);
}

if (isMainThread) await runScript(program);
else {
  const { scenario, gateways, start, stride, end } = workerData as Share;
  const runs: FleetRun[] = [];
  for (let seed = start; seed < end; seed += stride) {
    runs.push(simulateFleet(scenario, gateways, seed, detectors, () => performance.now()));
    parentPort?.postMessage('progress');
  }
  parentPort?.postMessage(runs);
}
