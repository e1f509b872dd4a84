import { Command } from 'commander';
import { runScript } from '../../support/run-script.ts';
import { wholeNumber } from '../../support/whole-number.ts';
import { parametersOf, meteredBill } from './metered-bill.ts';
import { defaultSettings, needsGoShare, simulateFleetDay, type FleetDaySettings } from './fleet-day.ts';
import { modelBill } from './cost-model.ts';
import { usEast1 } from './prices.ts';

/** `npm run simulate:fleet-day`. Exit 1 where the day had what it must not have. */
const program = new Command('simulate:fleet-day')
  .description(
    'a day of a fleet in virtual time: the real connection code of the agents, the real handlers, API Gateway’s limits,\n' +
      'a steady load of commands, and outages; counts what AWS would bill',
  )
  .option('--gateways <count>', 'agents', '10000')
  .option('--hours <count>', 'virtual hours, from 4 on', '24')
  .option('--seed <number>', 'of everything that is random', '1')
  .option('--cells <count>', 'control servers', '2')
  .option('--interval <seconds>', 'from beat to beat', '300')
  .option('--commands <count>', 'a minute, over the whole fleet', '20')
  .option('--no-outages', 'a quiet day, as the bill is made for')
  .option('--json', 'print the report as JSON')
  .addHelpText(
    'after',
    '\nExamples:\n  $ npm run simulate:fleet-day -- --gateways 500 --hours 6\n  $ npm run -s simulate:fleet-day -- --no-outages --json',
  )
  .action(async () => {
    const flags = program.opts<Record<string, string> & { outages: boolean; json?: boolean }>();
    const count = (name: string, min: number, max: number) =>
      wholeNumber(`--${name}`, flags[name] ?? '', min, max);
    const gateways = count('gateways', 10, 100_000);
    const settings: FleetDaySettings = {
      ...defaultSettings,
      gateways,
      hours: count('hours', 4, 240),
      seed: count('seed', 0, 2 ** 32 - 1),
      cells: count('cells', 1, 64),
      heartbeatIntervalMs: count('interval', 10, 540) * 1_000,
      commandsPerMinute: count('commands', 0, 10_000),
      ...(flags.outages ? {} : { outages: [] }),
    };
    const report = await simulateFleetDay(settings);
    const parameters = parametersOf(report, { ...settings, needsGoShare });
    const bill = meteredBill(report, parameters, usEast1);
    const printed = { ...report, bill, modelBill: modelBill(parameters, usEast1) };
    console.log(flags.json ? JSON.stringify(printed) : JSON.stringify(printed, null, 2));
    if (report.violations.length > 0) process.exitCode = 1;
  });
await runScript(program);
