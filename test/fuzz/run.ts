import { Command } from 'commander';
import { HoldfastError } from '../../core/errors.ts';
import { runScript } from '../support/run-script.ts';
import { fuzz } from './fuzz.ts';
import { targets } from './targets.ts';

/** `npm run fuzz`: every reader of untrusted bytes, with as many inputs as asked for. Exit 1 where one failed. */
const program = new Command('fuzz')
  .description('feeds every reader of untrusted bytes with damaged and random ones')
  .option('--inputs <count>', 'for each target', '1000000')
  .option('--seed <number>', 'of the random numbers', '1')
  .option('--target <name>', `only this one of ${targets.map((target) => target.name).join(', ')}`)
  .option('--json', 'print the results as JSON lines')
  .addHelpText(
    'after',
    '\nExamples:\n  $ npm run fuzz -- --inputs 100000\n  $ npm run fuzz -- --target mark --seed 7',
  )
  .action(() => {
    const flags = program.opts<{ inputs: string; seed: string; target?: string; json?: boolean }>();
    const inputs = wholeNumber('--inputs', flags.inputs);
    const seed = wholeNumber('--seed', flags.seed);
    const chosen = targets.filter((target) => flags.target === undefined || target.name === flags.target);
    if (chosen.length === 0)
      throw new HoldfastError('USAGE', `there is no target ${flags.target}`, { hint: 'see --help' });
    for (const target of chosen) {
      const startedAt = performance.now();
      const result = fuzz(target, { inputs, seed });
      const seconds = Math.round((performance.now() - startedAt) / 100) / 10;
      const rssMiB = Math.round(process.memoryUsage().rss / 2 ** 20);
      if (flags.json) console.log(JSON.stringify({ target: target.name, ...result, seconds, rssMiB }));
      else
        console.log(
          `${target.name.padEnd(16)} ${result.inputs} inputs, ${result.refused} refused, ${seconds} s, ${rssMiB} MiB  ${result.failure ?? 'held'}`,
        );
      if (result.failure !== undefined) process.exitCode = 1;
    }
  });

function wholeNumber(flag: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 2 ** 31 - 1) return value;
  throw new HoldfastError('USAGE', `${flag} ${text} is not a whole number from 1 to ${2 ** 31 - 1}`);
}

await runScript(program);
