import { Command } from 'commander';
import { runScript } from '../support/run-script.ts';
import { wholeNumber } from '../support/whole-number.ts';
import { pullCables } from './cables.ts';

/** `npm run chaos:cables`. Exit 1 where a command was lost, started twice, or came to a wrong end or to none. */
const program = new Command('chaos:cables')
  .description(
    'cuts (RST, FIN), silences, slows and refuses the connections of two real agents, at random and by seed, while\n' +
      'commands are sent to them, and some canceled, without a pause through both cells; then holds every command’s end to the journals',
  )
  .option('--minutes <count>', 'how long', '10')
  .option('--seed <seed>', 'which pulls', '1')
  .option('--json', 'print the report as JSON')
  .addHelpText(
    'after',
    '\nExamples:\n  $ npm run chaos:cables\n  $ npm run -s chaos:cables -- --minutes 60 --seed 7 --json',
  )
  .action(async () => {
    const flags = program.opts<{ minutes: string; seed: string; json?: boolean }>();
    const minutes = wholeNumber('--minutes', flags.minutes, 1, 10_000);
    const seed = wholeNumber('--seed', flags.seed, 0, 2 ** 24);
    let end: number | undefined;
    const report = await pullCables({
      seed,
      isOver: () => Date.now() > (end ??= Date.now() + minutes * 60_000),
      quietMs: 5 * 60_000,
      onPull: (pulls) => {
        if (process.stderr.isTTY) process.stderr.write(`\r${pulls} pulls`);
      },
    });
    if (flags.json) console.log(JSON.stringify({ minutes, ...report }));
    else
      for (const [name, value] of Object.entries(report))
        console.log(
          Array.isArray(value)
            ? value.join('\n')
            : `${name.padEnd(12)} ${typeof value === 'object' ? JSON.stringify(value) : value}`,
        );
    if (report.violations > 0) process.exitCode = 1;
  });
await runScript(program);
