import { Command, InvalidArgumentError, Option } from 'commander';
import { callsTable } from './connections/calls.ts';
import { loadSuite } from './connections/suite.ts';
import { statusSuite } from './status/suite.ts';
import { restoreSuite, type RestoreFlags } from './restore/suite.ts';

interface LoadFlags {
  gateways: number;
  store: 'dynalite' | 'memory';
  rounds: number;
  seconds: number;
  cells: number;
  commandsInFlight: number;
  dialsInFlight: number;
  calls?: boolean;
  json?: string;
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('a whole number from 1 on is expected');
}

const program = new Command('bench').description('measures Holdfast');

program
  .command('restore')
  .description('Holdfast and its peers, interleaved, on the same work')
  .option('--rounds <count>', 'how often each case is measured', '5')
  .option('--only <cases>', 'names of cases, with commas between')
  .option('--size-mib <count>', 'size of the image', '1024')
  .option('--json <file>', 'write everything that was measured to this file')
  .addHelpText(
    'after',
    '\nNeeds `npm run setup`.\n\nExample:\n  $ npm run bench -- restore --only local-io --rounds 3',
  )
  .action((flags: RestoreFlags) => restoreSuite(flags));

program
  .command('connections')
  .description('gateways that dial, and commands to them: how many a second, and how much memory')
  .option('--gateways <count>', 'how many are connected', wholeNumber, 10_000)
  .addOption(
    new Option(
      '--store <store>',
      'dynalite: all that `holdfast up` starts; memory: the handlers in one process',
    )
      .choices(['dynalite', 'memory'])
      .default('dynalite'),
  )
  .option(
    '--rounds <count>',
    'each dials its share of the gateways; then as many of commands',
    wholeNumber,
    5,
  )
  .option('--seconds <count>', 'how long each round of commands takes', wholeNumber, 20)
  .option('--cells <count>', 'cells of --store dynalite', wholeNumber, 1)
  .option('--commands-in-flight <count>', 'unfinished commands at any time', wholeNumber, 24)
  .option('--dials-in-flight <count>', 'unfinished dials at any time', wholeNumber, 24)
  .option(
    '--calls',
    'only print what one command costs in calls of AWS, by forwarding mode and number of cells',
  )
  .option('--json <file>', 'write everything that was measured to this file')
  .addHelpText(
    'after',
    '\nExample:\n  $ npm run bench -- connections --store memory --gateways 2000 --seconds 5',
  )
  .action(async ({ gateways, cells, seconds, calls, json, ...flags }: LoadFlags) => {
    if (calls) return console.log(await callsTable());
    const settings = { ...flags, gatewayCount: gateways, cellCount: cells, until: { seconds } };
    await loadSuite({ ...settings, say: (line) => console.log(line) }, json);
  });

program
  .command('status')
  .description('what it costs a gateway to collect its status, in processor time')
  .option('--rounds <count>', 'beats of five minutes, in as little time as they take', wholeNumber, 5)
  .option('--json', 'print the figures as JSON')
  .addHelpText('after', '\nExample:\n  $ npm run bench -- status --rounds 20')
  .action(async ({ rounds, json }: { rounds: number; json?: boolean }) => {
    const costs = await statusSuite({ rounds }, (line) => json || console.log(line));
    if (json) console.log(JSON.stringify(costs));
    // The meter of the event loop's delay would keep this process.
    process.exit();
  });

await program.parseAsync();
