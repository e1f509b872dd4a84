import { Command } from 'commander';
import { runScript } from '../support/run-script.ts';
import { wholeNumber } from '../support/whole-number.ts';
import { crashKill } from './kills.ts';

/** `npm run crash:kill`. Exit 1 where anything that was acknowledged was lost, or anything else reads wrong. */
const program = new Command('crash:kill')
  .description(
    'kills the real restoring process with SIGKILL at random moments, under a guest’s reads and writes over NBD, and\n' +
      'starts it again, until the image is complete; then begins with the next one',
  )
  .option('--kills <count>', 'how often', '200')
  .option('--seed <seed>', 'of the first restore', '1')
  .option('--json', 'print the report as JSON')
  .addHelpText(
    'after',
    '\nExamples:\n  $ npm run crash:kill\n  $ npm run -s crash:kill -- --kills 1000 --seed 7 --json',
  )
  .action(async () => {
    const flags = program.opts<{ kills: string; seed: string; json?: boolean }>();
    const kills = wholeNumber('--kills', flags.kills, 1, 1_000_000);
    const seed = wholeNumber('--seed', flags.seed, 0, 2 ** 31);
    let done = 0;
    const report = await crashKill({
      kills,
      seed,
      onKill: () => {
        if (process.stderr.isTTY)
          process.stderr.write(`\r${++done} of ${kills} kills${done < kills ? '' : '\n'}`);
      },
    });
    if (flags.json) console.log(JSON.stringify(report));
    else
      for (const [name, value] of Object.entries(report))
        console.log(Array.isArray(value) ? value.join('\n') : `${name.padEnd(19)} ${value}`);
    if (report.violations > 0) process.exitCode = 1;
  });
await runScript(program);
