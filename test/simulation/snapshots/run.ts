import { Command } from 'commander';
import { runScript } from '../../support/run-script.ts';
import { scenarios, searchScenario, titleOf } from './scenarios.ts';

/** `npm run search:snapshots`. Exit 1 where an order of requests loses something. */
const program = new Command('search:snapshots')
  .description(
    'runs uploads, restores, deletions and collectors in every order of their requests on one bucket, and checks after\n' +
      'each that whatever is listed or pinned is whole',
  )
  .option('--short', 'only what takes a few seconds')
  .option('--json', 'print the report as JSON')
  .addHelpText(
    'after',
    '\nExamples:\n  $ npm run search:snapshots\n  $ npm run -s search:snapshots -- --short --json',
  )
  .action(async () => {
    const flags = program.opts<{ short?: boolean; json?: boolean }>();
    const searched: Record<string, unknown>[] = [];
    let violations = 0;
    for (const scenario of scenarios.filter(({ isLong }) => !flags.short || !isLong)) {
      const result = await searchScenario(scenario).catch((thrown: unknown) => {
        violations++;
        return { violation: (thrown as Error).message };
      });
      searched.push({ programs: titleOf(scenario), ...result });
      if (!flags.json) console.log(JSON.stringify(searched.at(-1)));
    }
    if (flags.json) console.log(JSON.stringify({ scenarios: searched.length, violations, searched }));
    if (violations > 0) process.exitCode = 1;
  });
await runScript(program);
