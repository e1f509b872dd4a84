import { Command } from 'commander';
import { HoldfastError } from '../../core/errors.ts';
import { missingClients } from '../support/clients.ts';
import { runScript } from '../support/run-script.ts';
import { wholeNumber } from '../support/whole-number.ts';
import { crashRecorded } from './recorded.ts';

/** `npm run crash:recorded`. Exit 1 where a rule of docs/restore.md was broken. */
const program = new Command('crash:recorded')
  .description(
    'records the system calls of restores by the real process under a guest’s load, and recovers from what power\n' +
      'losses could have left at any moment of them',
  )
  .option('--runs <count>', 'restores to record', '20')
  .option('--images <count>', 'crash images to recover from, of all recordings together', '2000')
  .option('--seed <seed>', 'of the first run', '1')
  .option('--json', 'print the report as JSON')
  .addHelpText(
    'after',
    '\nExamples:\n  $ npm run crash:recorded\n  $ npm run -s crash:recorded -- --runs 100 --images 20000 --seed 7 --json',
  )
  .action(async () => {
    const flags = program.opts<{ runs: string; images: string; seed: string; json?: boolean }>();
    const runs = wholeNumber('--runs', flags.runs, 1, 100_000);
    const images = wholeNumber('--images', flags.images, 0, 100_000_000);
    const seed = wholeNumber('--seed', flags.seed, 0, 2 ** 31);
    if (missingClients(['strace']).length > 0)
      throw new HoldfastError('CONFIG', 'strace is not installed', { hint: '`npm run setup` installs it' });
    let done = 0;
    const report = await crashRecorded({
      runs,
      images,
      seed,
      onRun: () => {
        if (process.stderr.isTTY)
          process.stderr.write(`\r${++done} of ${runs} runs${done < runs ? '' : '\n'}`);
      },
    });
    if (flags.json) console.log(JSON.stringify(report));
    else
      for (const [name, value] of Object.entries(report))
        console.log(Array.isArray(value) ? value.join('\n') : `${name.padEnd(17)} ${value}`);
    if (report.violations > 0) process.exitCode = 1;
  });
await runScript(program);
