import { Command } from 'commander';
import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { inWorkers } from '../../support/in-workers.ts';
import { runScript } from '../../support/run-script.ts';
import { wholeNumber } from '../../support/whole-number.ts';
import { addFields, reportOf } from './report.ts';
import { emptyFields, simulateGateway, type DetectionFields, type DetectionWorld } from './simulate.ts';

/** `npm run simulate:detection`: how late and how falsely outages and faults are told of. Exit 1 where a goal is missed. */
interface Share {
  start: number;
  /** Every so many-th gateway is this thread's. */
  stride: number;
  end: number;
  world: DetectionWorld;
}

async function main(): Promise<void> {
  const program = new Command('simulate:detection')
    .description(
      'lets gateways live for days in virtual time (lost messages, restarts, rollovers, outages, faults), looks at them\n' +
        'with the real conditions and lifecycle, and measures how late and how falsely they are told of',
    )
    .option('--start <seed>', 'first gateway’s seed', '1')
    .option('--gateways <count>', 'how many', '10000')
    .option('--days <count>', 'of each', '30')
    .option('--loss <percent>', 'of the messages that get lost', '1')
    .option('--tick <minutes>', 'how often the status proxy looks', '1')
    .option('--json', 'print the report as JSON')
    .option('--list', 'print each false and each missed one to stderr')
    .addHelpText(
      'after',
      '\nExamples:\n  $ npm run simulate:detection\n  $ npm run -s simulate:detection -- --gateways 200 --days 10 --json',
    )
    .action(async () => {
      const flags = program.opts<{
        start: string;
        gateways: string;
        days: string;
        loss: string;
        tick: string;
        json?: boolean;
        list?: boolean;
      }>();
      const start = wholeNumber('--start', flags.start, 0, 2 ** 32 - 1);
      const count = wholeNumber('--gateways', flags.gateways, 1, 1_000_000);
      const world: DetectionWorld = {
        days: wholeNumber('--days', flags.days, 1, 365),
        messageLoss: wholeNumber('--loss', flags.loss, 0, 99) / 100,
        tickEveryMinutes: wholeNumber('--tick', flags.tick, 1, 60),
      };
      const stride = Math.min(availableParallelism(), count);
      const shares = Array.from({ length: stride }, (_, i): Share => {
        return { start: start + i, stride, end: start + count, world };
      });
      let done = 0;
      const sum = emptyFields();
      const parts = await inWorkers<Share, DetectionFields>(import.meta.url, shares, () => {
        done++;
        if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${count} gateways`);
      });
      for (const part of parts) addFields(sum, part);
      if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
      if (flags.list)
        for (const one of [
          ...sum.falseFirings.map((id) => `false ${id}`),
          ...sum.missed.map((id) => `missed ${id}`),
        ])
          console.error(one);
      const report = reportOf(sum);
      console.log(flags.json ? JSON.stringify(report) : JSON.stringify(report, undefined, 2));
      if (!report.holds) process.exitCode = 1;
    });
  await runScript(program);
}

if (isMainThread) await main();
else {
  const { start, stride, end, world } = workerData as Share;
  const fields = emptyFields();
  for (let seed = start; seed < end; seed += stride) {
    simulateGateway(seed, world, fields);
    parentPort?.postMessage('progress');
  }
  parentPort?.postMessage(fields);
}
