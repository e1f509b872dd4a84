import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { dayMs, dayOf } from '../../../core/design-report/fleet-day.ts';
import { historyDays } from '../../../core/design-report/fleet-history.ts';
import { textTable } from '../../../core/text-table.ts';
import { silentLog } from '../../../core/log.ts';
import { dynamoDayStore } from '../../../lambda/design-report/day-store.ts';
import { makeReport } from '../../../lambda/design-report/make-report.ts';
import { dynamoReportStore } from '../../../lambda/design-report/report-store.ts';
import { runScript } from '../../support/run-script.ts';
import { wholeNumber } from '../../support/whole-number.ts';
import { folderTable } from './folder-table.ts';
import { largeFleetDay } from './large-fleet.ts';

/** `npm run simulate:report`: what the design report of a fleet of any size takes, read from a store of files. */
interface Measured {
  gateways: number;
  days: number;
  findings: number;
  wallMs: number;
  cpuMs: number;
  /** Of the process that makes the report, from its start. */
  maxRssMiB: number;
  /** Of one day in the store, and of the largest item of all that was written. */
  dayBytes: number;
  largestItemBytes: number;
}

const now = Date.UTC(2026, 10, 28, 0, 20);
const clock = () => now;
const stores = (dir: string) => {
  const folder = folderTable(dir);
  const days = dynamoDayStore(folder.table, { now: clock, random: randomBytes });
  return { folder, days, reports: dynamoReportStore(folder.table, clock) };
};

/** Writes the days of a month. Answers the bytes of the last one, and of the largest item. */
async function prepare(
  dir: string,
  gateways: number,
): Promise<{ dayBytes: number; largestItemBytes: number }> {
  const { folder, days } = stores(dir);
  let dayBytes = 0;
  for (let index = 0; index < historyDays; index++) {
    const before = folder.bytes;
    const day = largeFleetDay(gateways, dayOf(now) - historyDays + index, index);
    if (!(await days.put(day))) throw new Error('the day is there already');
    dayBytes = folder.bytes - before;
  }
  return { dayBytes, largestItemBytes: folder.largestItemBytes };
}

async function report(dir: string): Promise<Omit<Measured, 'gateways' | 'dayBytes'>> {
  const { folder, days, reports } = stores(dir);
  const [startedAt, cpu] = [performance.now(), process.cpuUsage()];
  const made = await makeReport({ days, reports, now: clock, log: silentLog });
  const { user, system } = process.cpuUsage(cpu);
  if (!made.made) throw new Error('no report was made');
  return {
    ...{ days: made.days!, findings: made.findings! },
    wallMs: Math.round(performance.now() - startedAt),
    cpuMs: Math.round((user + system) / 1_000),
    maxRssMiB: Math.round(process.resourceUsage().maxRSS / 1024),
    largestItemBytes: folder.largestItemBytes,
  };
}

/** Days are made in this process and the report in another, whose memory is that of the report alone. */
async function measured(gateways: number): Promise<Measured> {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-report-'));
  try {
    const stored = await prepare(dir, gateways);
    const args = [...process.execArgv, process.argv[1]!, '--from', dir, '--json'];
    const made = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as Measured;
    const largestItemBytes = Math.max(stored.largestItemBytes, made.largestItemBytes);
    return { ...made, gateways, dayBytes: stored.dayBytes, largestItemBytes };
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const program = new Command('simulate:report')
  .description(
    `a design report of ${historyDays} days of a fleet through the code of its function: time, memory, and what is stored;\n` +
      `the day is ${new Date(now - (now % dayMs)).toISOString().slice(0, 10)}`,
  )
  .option('--gateways <count>', 'in the fleet', '10000')
  .option('--from <dir>', 'days that are there already (the process that is measured)')
  .option('--json', 'print JSON')
  .addHelpText('after', '\nExample:\n  $ npm run simulate:report -- --gateways 100000 --json')
  .action(async () => {
    const { gateways, from, json } = program.opts<{ gateways: string; from?: string; json?: boolean }>();
    const result = from
      ? await report(from)
      : await measured(wholeNumber('--gateways', gateways, 100, 2_000_000));
    if (json) console.log(JSON.stringify(result));
    else console.log(textTable(Object.keys(result), [Object.values(result).map(String)], { width: 120 }));
  });

await runScript(program);
