import { Command } from 'commander';
import { textTable } from '../../../core/text-table.ts';
import { runScript } from '../../support/run-script.ts';
import { wholeNumber } from '../../support/whole-number.ts';
import { costOf, modelBill } from './cost-model.ts';
import { billItems, sumOf, usEast1 } from './prices.ts';
import { scanCostOf, scanRows, scanSizes } from './tick-costs.ts';

const intervalsSec = [60, 300, 480] as const;

/** `npm run cost`: the bill of one gateway for a month, by the model of docs/cost.md. */
const program = new Command('cost')
  .description('what one gateway costs in a month of 30 days, by AWS list prices')
  .option('--gateways <count>', 'in the fleet', '10000')
  .option('--commands <count>', 'a minute, over the whole fleet', '20')
  .option('--cells <count>', 'control servers', '2')
  .option('--scan', 'what looking at a gateway each minute costs, in fleets of 10,000 to 1,000,000')
  .option('--json', 'print the table as JSON')
  .addHelpText(
    'after',
    '\nExamples:\n  $ npm run cost\n  $ npm run -s cost -- --gateways 1000 --json\n  $ npm run cost -- --scan',
  )
  .action(() => {
    const flags = program.opts<
      Record<'gateways' | 'commands' | 'cells', string> & { json?: true; scan?: true }
    >();
    const width = process.stdout.columns ?? 100;
    if (flags.scan) {
      const costs = scanSizes.map((size) => scanCostOf(costOf(size), usEast1));
      const [head, ...rows] = scanRows(costs);
      return console.log(flags.json ? JSON.stringify(costs) : textTable(head, rows, { width }));
    }
    const parameters = {
      ...costOf(wholeNumber('--gateways', flags.gateways, 1, 1_000_000)),
      commandsPerMinute: wholeNumber('--commands', flags.commands, 0, 100_000),
      cells: wholeNumber('--cells', flags.cells, 1, 64),
    };
    const bills = intervalsSec.map((sec) =>
      modelBill({ ...parameters, heartbeatIntervalMs: sec * 1_000 }, usEast1),
    );
    if (flags.json) {
      const intervals = bills.map((items, i) => ({
        intervalSec: intervalsSec[i],
        total: sumOf(items),
        items,
      }));
      return console.log(
        JSON.stringify({ region: usEast1.region, asOf: usEast1.asOf, ...parameters, intervals }),
      );
    }
    const row = (name: string, of: (bill: (typeof bills)[number]) => number) => [
      name,
      ...bills.map((bill) => of(bill).toFixed(5)),
    ];
    const rows = [...billItems.map((item) => row(item, (bill) => bill[item])), row('total', sumOf)];
    const head = ['$ a gateway and month', ...intervalsSec.map((sec) => `every ${sec} s`)];
    console.log(textTable(head, rows, { width }));
  });
await runScript(program);
