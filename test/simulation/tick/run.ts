import { Command } from 'commander';
import { execFileSync } from 'node:child_process';
import { textTable } from '../../../core/text-table.ts';
import { tickPhases } from '../../../lambda/alerts/ports.ts';
import { runScript } from '../../support/run-script.ts';
import { wholeNumber } from '../../support/whole-number.ts';
import { measuredLooks, type LookOptions, type Taken } from './measure.ts';

/** `npm run simulate:tick`: what one look at a fleet of any size takes, the store's part left out. */
const growth = [10_000, 30_000, 100_000, 300_000, 1_000_000];

interface TickReport {
  gateways: number;
  stormPercent: number;
  /** The slowest of those measured, by processor time. */
  wallMs: number;
  cpuMs: number;
  phases: Record<string, Taken>;
  openAlerts: number;
  written: number;
  /** Of the whole process from its start: what is made in place of the store's answers is in it. */
  maxRssMiB: number;
}

const program = new Command('simulate:tick')
  .description(
    'looks of the status proxy at a fleet that is streamed: processor time, time and memory, without the store;\n' +
      'docs/performance.md says what is measured',
  )
  .option('--gateways <count>', 'in the fleet', '100000')
  .option('--storm <percent>', 'of the gateways, all of one region, meet every condition they can', '0')
  .option('--day', 'keep the day that is over too, as the first look after midnight does')
  .option('--news', 'read the news of the gateways alone, as all looks but one an hour do')
  .option('--growth', 'fleets of 10,000 to 1,000,000 gateways, each in a process of its own')
  .option('--json', 'print JSON')
  .addHelpText(
    'after',
    '\nExamples:\n  $ npm run simulate:tick -- --gateways 1000000\n  $ npm run simulate:tick -- --growth\n' +
      '  $ npm run simulate:tick -- --gateways 10000 --storm 30\n  $ npm run simulate:tick -- --growth --news',
  )
  .action(async () => {
    const flags = program.opts<{
      gateways: string;
      storm: string;
      day?: boolean;
      news?: boolean;
      growth?: boolean;
      json?: boolean;
    }>();
    const gateways = wholeNumber('--gateways', flags.gateways, 100, 10_000_000);
    const stormPercent = wholeNumber('--storm', flags.storm, 0, 100);
    const reads = { keepsDay: flags.day === true, readsNews: flags.news === true };
    const reports = flags.growth
      ? growth.map((size) => apart(size, stormPercent, reads))
      : [await measured(gateways, stormPercent, reads)];
    if (flags.json) console.log(JSON.stringify(flags.growth ? reports : reports[0]));
    else console.log(tableOf(reports));
  });

type Reads = Required<Pick<LookOptions, 'keepsDay' | 'readsNews'>>;

async function measured(gateways: number, stormPercent: number, reads: Reads): Promise<TickReport> {
  const looks = await measuredLooks({ gateways, stormShare: stormPercent / 100, ...reads });
  const slowest = looks.reduce((a, b) => (b.cpuMs > a.cpuMs ? b : a));
  const { wallMs, cpuMs, phases, report } = slowest;
  return {
    ...{ gateways, stormPercent, wallMs, cpuMs, phases },
    ...{ openAlerts: report.open, written: report.written },
    maxRssMiB: Math.round(process.resourceUsage().maxRSS / 1024),
  };
}

/** A process's peak of memory is that of all it ever did. */
function apart(gateways: number, stormPercent: number, { keepsDay, readsNews }: Reads): TickReport {
  const flags = [
    '--gateways',
    String(gateways),
    '--storm',
    String(stormPercent),
    ...(keepsDay ? ['--day'] : []),
    ...(readsNews ? ['--news'] : []),
    '--json',
  ];
  const args = [...process.execArgv, process.argv[1]!, ...flags];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as TickReport;
}

/** Processor time by phase, then both times and the memory. */
function tableOf(reports: readonly TickReport[]): string {
  const seconds = (ms: number): string => (ms / 1_000).toFixed(2);
  const head = ['gateways', ...tickPhases, 'CPU s', 'wall s', 'MiB', 'open', 'written'];
  const rows = reports.map((report) => [
    report.gateways.toLocaleString('en'),
    ...tickPhases.map((phase) => seconds(report.phases[phase]?.cpuMs ?? 0)),
    ...[seconds(report.cpuMs), seconds(report.wallMs), String(report.maxRssMiB)],
    ...[String(report.openAlerts), String(report.written)],
  ]);
  return textTable(head, rows, { width: 160 });
}

await runScript(program);
