import { randomBytes } from 'node:crypto';
import { dateText, dayOf } from '../../../core/design-report/fleet-day.ts';
import { silentLog } from '../../../core/log.ts';
import { alertsTable, patternsTable } from '../../../lambda/aws/tables.ts';
import { fleetReport } from '../../../lambda/alerts/show-report.ts';
import { dynamoDayStore } from '../../../lambda/design-report/day-store.ts';
import { makeReport } from '../../../lambda/design-report/make-report.ts';
import { dynamoReportStore } from '../../../lambda/design-report/report-store.ts';
import { rolloutDays, rolloutLastDay } from '../../simulation/design-report/rollout.ts';
import { startDynamo, type TestDynamo } from '../../support/dynamo.ts';

let dynamo: TestDynamo;
let patterns: ReturnType<typeof patternsTable>;
let alerts: ReturnType<typeof alertsTable>;
const now = (rolloutLastDay + 1) * 86_400_000 + 3_600_000;
beforeAll(async () => {
  dynamo = await startDynamo();
  const names = await dynamo.createTables();
  patterns = patternsTable(names.PATTERNS_TABLE, dynamo.client);
  alerts = alertsTable(names.ALERTS_TABLE, dynamo.client);
});
afterAll(() => dynamo.close());

const deps = (at = now) => ({
  days: dynamoDayStore(patterns, { now: () => at, random: randomBytes }),
  reports: dynamoReportStore(patterns, () => at),
  now: () => at,
  log: silentLog,
});
const asked = (query: Record<string, string> = {}, at = now) =>
  fleetReport({ patterns, alerts, now: () => at }, {
    ...{ principal: { kind: 'operator', id: 'o' }, tenantId: undefined, params: {}, query, body: undefined },
    log: silentLog,
  } as never);

test('a report is made once its last day is there, once; the next one knows what was named before', async () => {
  await expect(asked()).rejects.toMatchObject({ code: 'NOT_FOUND' });
  const truth = { customers: 300, base: 0.006, effect: 4, frailty: 0.5 };
  const days = rolloutDays(truth, 3);
  for (const fleet of days.slice(0, -1)) await deps().days.put(fleet);
  expect(await makeReport(deps())).toMatchObject({ made: false });

  const before = await makeReport(deps(now - 86_400_000));
  expect(before).toMatchObject({ made: true, days: 29, findings: 1, newFindings: 1 });
  await deps().days.put(days.at(-1)!);
  expect(await makeReport(deps())).toMatchObject({ made: true, days: 30, findings: 1, newFindings: 0 });
  expect(await makeReport(deps())).toMatchObject({ made: false });
});

test('no report is made where its last day cannot be read: it would be one of another day', async () => {
  const days = new Map(
    rolloutDays({ customers: 20, base: 0.006, effect: 4, frailty: 0.5 }, 3).map((fleet) => [
      fleet.day,
      fleet,
    ]),
  );
  days.delete(rolloutLastDay);
  const put: string[] = [];
  const made = await makeReport({
    ...{ now: () => now, log: silentLog },
    days: {
      has: () => Promise.resolve(true),
      put: () => Promise.resolve(false),
      get: (day) => Promise.resolve(days.get(day)),
    },
    reports: {
      ...deps().reports,
      get: () => Promise.resolve(undefined),
      put: ({ report }) => Promise.resolve(put.push(report.date) > 0),
    },
  });
  expect(made).toEqual({ date: dateText(rolloutLastDay), made: false });
  expect(put).toEqual([]);
});

test('operators get the newest, that of a day, and what it says of a condition or an attribute', async () => {
  const { report, list } = await asked();
  expect(report.date).toBe(dateText(dayOf(now) - 1));
  expect(list).toBeUndefined();
  expect(report.findings[0]).toMatchObject({
    conditionId: 'RestartLoop',
    attribute: 'agentVersion',
    value: '2.0.0',
  });
  expect(report.releases[0]!.effects[0]).toMatchObject({ verdict: 'worse' });
  const day = dateText(dayOf(now) - 2);
  expect((await asked({ date: day })).report.date).toBe(day);
  expect((await asked({}, now + 3 * 86_400_000)).report.date).toBe(report.date);

  const other = await asked({ condition: 'DiskFailed' });
  expect(other.report).toMatchObject({ findings: [], releases: [] });
  const by = await asked({ by: 'agentVersion', condition: 'RestartLoop' });
  expect(by.list!.cohorts.map(({ value }) => value).toSorted()).toEqual(['1.9.0', '2.0.0']);
  expect((await asked({ by: 'hardwareModel' })).report.findings).toEqual([]);
});

test.each([
  [{ date: 'yesterday' }, 'INVALID_INPUT'],
  [{ date: '2026-13-40' }, 'INVALID_INPUT'],
  [{ date: '2026-02-30' }, 'INVALID_INPUT'],
  [{ date: '2020-01-01' }, 'NOT_FOUND'],
  [{ by: 'colour' }, 'INVALID_INPUT'],
  [{ condition: 'Bored' }, 'INVALID_INPUT'],
])('a question that cannot be answered is refused: %j', async (query, code) => {
  await expect(asked(query)).rejects.toMatchObject({
    code,
    message: expect.stringContaining(Object.values(query).join()),
    hint: expect.any(String),
  });
});
