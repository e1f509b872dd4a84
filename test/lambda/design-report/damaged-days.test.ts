import { randomBytes } from 'node:crypto';
import { dateText, type FleetDay } from '../../../core/design-report/fleet-day.ts';
import { fleetDayBytesMax } from '../../../core/design-report/whole-fleet-day.ts';
import type { LogFields } from '../../../core/log.ts';
import { fleetReport } from '../../../lambda/alerts/show-report.ts';
import { packed } from '../../../lambda/aws/packed.ts';
import { alertsTable, patternsTable } from '../../../lambda/aws/tables.ts';
import { dynamoDayStore } from '../../../lambda/design-report/day-store.ts';
import { makeReport } from '../../../lambda/design-report/make-report.ts';
import { dynamoReportStore } from '../../../lambda/design-report/report-store.ts';
import { rolloutDays, rolloutLastDay } from '../../simulation/design-report/rollout.ts';
import { startDynamo, type TestDynamo } from '../../support/dynamo.ts';

const days = rolloutDays({ customers: 120, base: 0.006, effect: 8, frailty: 0.5 }, 3);
const damagedDay = rolloutLastDay - 12;
const midnight = (rolloutLastDay + 1) * 86_400_000;
const lastReport = dateText(rolloutLastDay);
const reportBefore = dateText(rolloutLastDay - 1);

let dynamo: TestDynamo;
let patterns: ReturnType<typeof patternsTable>;
let alerts: ReturnType<typeof alertsTable>;
/** The report of a table that lacks the day. */
let lacking: unknown;
let logged: [level: string, event: string, date: unknown][] = [];
/** Items as they were before a test changed them. */
let changed: object[] = [];

const depsAt = (now: number) => ({
  days: dynamoDayStore(patterns, { now: () => now, random: randomBytes }),
  reports: dynamoReportStore(patterns, () => now),
  now: () => now,
  log: (level: string, event: string, fields?: LogFields) =>
    void logged.push([level, event, fields?.['date']]),
});
const deps = () => depsAt(midnight + 3_600_000);
const asked = (query = {}) => fleetReport({ patterns, alerts, now: deps().now }, { query } as never);
/** With `read` of the day instead of what the store has. */
const without = (read: () => Promise<undefined>) => ({
  ...deps(),
  days: { ...deps().days, get: (day: number) => (day === damagedDay ? read() : deps().days.get(day)) },
});

beforeAll(async () => {
  dynamo = await startDynamo();
  const names = await dynamo.createTables();
  patterns = patternsTable(names.PATTERNS_TABLE, dynamo.client);
  alerts = alertsTable(names.ALERTS_TABLE, dynamo.client);
  for (const fleet of days) await deps().days.put(fleet);
  await makeReport(without(() => Promise.resolve(undefined)));
  lacking = await deps().reports.get(lastReport);
  await restore();
});
afterEach(() => restore());
afterAll(() => dynamo.close());

async function restore() {
  for (const item of changed) await patterns.put(item as never);
  for (const date of [lastReport, reportBefore]) await patterns.delete({ itemKey: `design-report/${date}` });
  [changed, logged] = [[], []];
}
async function change(item: object, over: object) {
  changed.push(item);
  await patterns.put({ ...item, ...over } as never);
}
const headOf = async (day: number) => (await patterns.get({ itemKey: `fleet-day/${dateText(day)}` }))!;
const changeHead = async (over: object, day = damagedDay) => change(await headOf(day), over);
async function changePart(of: (bytes: Uint8Array) => unknown) {
  const { partsId } = (await headOf(damagedDay)) as { partsId: string };
  const part = (await patterns.get({ itemKey: `fleet-part/${partsId}/0` })) as { bytes: Uint8Array };
  await change(part, { bytes: of(part.bytes) });
}
const dayIs = (value: unknown) => () => changePart(() => packed(value));
const whole: FleetDay = days.find(({ day }) => day === damagedDay)!;

test.each<[string, () => Promise<void>]>([
  ['whose bytes are cut', () => changePart((bytes) => bytes.subarray(0, 10))],
  ['whose bytes are text', () => changePart(() => 'none')],
  ['without its fields', dayIs({ day: damagedDay })],
  ['that is null', dayIs(null)],
  ['with the rows of another', dayIs({ ...whole, day: damagedDay + 1 })],
  ['that unpacks to more than a day has', dayIs({ ...whole, padding: 'x'.repeat(fleetDayBytesMax) })],
  ['without a count of parts', () => changeHead({ parts: undefined })],
  ['of more parts than could be read', () => changeHead({ parts: 1e9 })],
  ['that names no parts', () => changeHead({ partsId: undefined })],
])('a stored day %s is left out as one that is not there, and said in the log', async (_, damage) => {
  await damage();
  expect(await makeReport(deps())).toMatchObject({ made: true, days: 29 });
  expect(logged).toEqual([['error', 'design-report.day_unreadable', dateText(damagedDay)]]);
  expect(await deps().reports.get(lastReport)).toEqual(lacking);
});

test('no report is made where the day that it is to end with is damaged', async () => {
  await changeHead({ parts: undefined }, rolloutLastDay);
  expect(await makeReport(deps())).toMatchObject({ made: false });
  expect(logged).toEqual([['error', 'design-report.day_unreadable', lastReport]]);
});

test('a day that cannot be read just now is not left out: the next run tries again', async () => {
  const throttled = without(() => Promise.reject(new Error('throttled')));
  await expect(makeReport(throttled)).rejects.toThrow('throttled');
  expect(await makeReport(deps())).toMatchObject({ made: true, days: 30 });
});

describe.each<[string, unknown]>([
  ['whose bytes are no packed ones', Buffer.from('xx')],
  ['without findings', packed({ date: dateText(rolloutLastDay - 1) })],
  ['that is null', packed(null)],
  ['without bytes', undefined],
])('a stored report %s', (_, bytes) => {
  const put = (date: string) => patterns.put({ itemKey: `design-report/${date}`, bytes } as never);

  test('of the day before is as none', async () => {
    const yesterday = depsAt(midnight - 82_800_000);
    expect(await makeReport(yesterday)).toMatchObject({ made: true, newFindings: 1 });
    await put(reportBefore);
    expect(await makeReport(deps())).toMatchObject({ made: true, findings: 1, newFindings: 1 });
    expect(logged).toEqual([['error', 'design-report.report_unreadable', reportBefore]]);
  });

  test('is not shown and not written over; what to do about it is said', async () => {
    await put(lastReport);
    const refused = {
      code: 'CORRUPT',
      message: expect.stringContaining(`design-report/${lastReport}`),
      hint: expect.stringContaining('Patterns table'),
    };
    for (const ask of [() => makeReport(deps()), () => asked(), () => asked({ date: lastReport })])
      await expect(ask()).rejects.toMatchObject(refused);
  });
});

test('cohorts that are damaged are not shown', async () => {
  await makeReport(deps());
  const itemKey = `design-report/${lastReport}/agentVersion` as const;
  await patterns.put({ itemKey, bytes: packed({ attribute: 'agentVersion' }), expiresAtSec: 2e9 });
  await expect(asked({ by: 'agentVersion' })).rejects.toMatchObject({ code: 'CORRUPT' });
  expect((await asked({ by: 'kernel' })).list).toMatchObject({ attribute: 'kernel' });
});
