import { readFileSync } from 'node:fs';
import { alarmCounts, costDefaults, costOf, modelBill } from './cost-model.ts';
import { meteredBill, meteredUsage, parametersOf } from './metered-bill.ts';
import { defaultSettings, needsGoShare, simulateFleetDay } from './fleet-day.ts';
import { billItems, sumOf, usEast1 } from './prices.ts';
import { scanCostOf, scanRows, scanSizes } from './tick-costs.ts';
import { homeAndCell, ofType } from '../../lib/synthesis.ts';
import { readConfig } from '../../../lib/config.ts';

/** A machine that does other work as well needs minutes. */
const testMs = 300_000;
const small = { ...defaultSettings, gateways: 80, hours: 6, commandsPerMinute: 2 };

describe('a day of a fleet', () => {
  it(
    'rolls over without an outage, comes back from real ones in time, and loses no command',
    async () => {
      const report = await simulateFleetDay(small);

      expect(report.violations).toEqual([]);
      // The day is worth something only if it had what it is about.
      expect(report.rollovers).toBeGreaterThan(60);
      expect(report.outages.map(({ lost }) => lost)).toEqual([expect.any(Number), 80, 80]);
      expect(report.losses).toBe(report.outages.reduce((sum, { lost }) => sum + lost, 0));
      expect(report.commands.submitted).toBeGreaterThan(400);
    },
    testMs,
  );

  it(
    'costs what the model says',
    async () => {
      const settings = {
        ...small,
        hours: 8,
        commandsPerMinute: 0.4,
        outages: [],
        // A fleet of 10,000 keeps its functions warm.
        coldStartMs: 0,
        faults: { dialFailure: 0, lostDisconnect: 0 },
      };
      const report = await simulateFleetDay(settings);

      expect(report.violations).toEqual([]);
      const parameters = parametersOf(report, { ...settings, needsGoShare });
      const metered = meteredBill(report, parameters, usEast1);
      const model = modelBill(parameters, usEast1);
      if (process.env['HOLDFAST_VERBOSE']) console.log(metered, model, meteredUsage(report));
      const isFar = (a: number, b: number) => Math.abs(a / b - 1) > 0.02;
      expect(billItems.filter((item) => isFar(metered[item], model[item]))).toEqual([]);
      expect(isFar(sumOf(metered), sumOf(model))).toBe(false);
    },
    testMs,
  );
});

describe('docs/cost.md', () => {
  const page = readFileSync(new URL('../../../docs/cost.md', import.meta.url), 'utf8');
  const rows = page
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) =>
      line
        .slice(2, -2)
        .split(' | ')
        .map((cell) => cell.replaceAll('*', '').trim()),
    );

  it('has what a look at a gateway costs as the model says it', () => {
    const table = scanRows(scanSizes.map((size) => scanCostOf(costOf(size), usEast1)));
    for (const row of table) expect(rows).toContainEqual(row);
  });

  it('has the bill of a gateway as the model says it', () => {
    const bills = [60, 300, 480].map((sec) =>
      modelBill({ ...costDefaults, heartbeatIntervalMs: sec * 1_000 }, usEast1),
    );
    const figures = (of: (bill: (typeof bills)[number]) => number) =>
      bills.map((bill) => of(bill).toFixed(5));
    const numbers = rows.map((row) => row.slice(1));
    for (const item of billItems) expect(numbers).toContainEqual(figures((bill) => bill[item]));
    expect(numbers).toContainEqual(figures(sumOf));
  });
});

describe('the settings of the simulation and of the model are those of lib/', () => {
  it(
    'as to memory, concurrency and alarms',
    async () => {
      const { home, cell } = await homeAndCell();
      const alarms = (stack: typeof home) => Object.keys(ofType(stack, 'AWS::CloudWatch::Alarm')).length;
      expect(alarmCounts).toEqual({ home: alarms(home), cell: alarms(cell) });
      const sizes = [...home.functions, ...cell.functions].map(({ handler, resource }) => [
        handler,
        resource.Properties['MemorySize'],
      ]);
      // What the design report costs is left out of both: one run a day that has work to do.
      const sizeOf: Record<string, number> = { StatusProxy: 1_024, DesignReport: 2_048 };
      expect(sizes.filter(([handler, size]) => size !== (sizeOf[String(handler)] ?? 512))).toEqual([]);
      const hello = cell.functions.find(({ handler }) => handler === 'Hello');
      expect(hello?.resource.Properties['ReservedConcurrentExecutions']).toBe(defaultSettings.concurrencyMax);
    },
    testMs,
  );

  it('as to beat and reconnect window', () => {
    const { heartbeatIntervalMs, reconnectWindowMs } = readConfig({});
    expect(defaultSettings).toMatchObject({ heartbeatIntervalMs, reconnectWindowMs });
  });
});
