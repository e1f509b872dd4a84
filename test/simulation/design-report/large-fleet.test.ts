import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dayMs, dayOf } from '../../../core/design-report/fleet-day.ts';
import { silentLog } from '../../../core/log.ts';
import { dynamoDayStore } from '../../../lambda/design-report/day-store.ts';
import { makeReport } from '../../../lambda/design-report/make-report.ts';
import { dynamoReportStore } from '../../../lambda/design-report/report-store.ts';
import { folderTable } from './folder-table.ts';
import { largeFleetDay } from './large-fleet.ts';

const now = Date.UTC(2026, 10, 28, 0, 20);
const clock = () => now;
let dir: string;
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'holdfast-report-'))));
afterEach(() => rmSync(dir, { recursive: true }));

test('a day of a large fleet is stored in items that DynamoDB takes', async () => {
  const folder = folderTable(dir);
  const days = dynamoDayStore(folder.table, { now: clock, random: randomBytes });
  const day = largeFleetDay(40_000, dayOf(now) - 1, 20);
  expect(await days.put(day)).toBe(true);
  expect(folder.bytes).toBeGreaterThan(500_000);
  expect(folder.largestItemBytes).toBeLessThan(400 * 1024);
  expect(await days.get(day.day)).toEqual(day);
  const tooLarge = { itemKey: 'design-report/x', bytes: randomBytes(400 * 1024), expiresAtSec: 1 } as const;
  await expect(folder.table.put(tooLarge)).rejects.toThrow('400 KB at most');
}, 60_000);

test('days from the store become a report through the code of its function', async () => {
  const folder = folderTable(dir);
  const days = dynamoDayStore(folder.table, { now: clock, random: randomBytes });
  for (let index = 0; index < 30; index++)
    await days.put(largeFleetDay(400, dayOf(now - dayMs) - 29 + index, index));
  const reports = dynamoReportStore(folder.table, clock);
  expect(await makeReport({ days, reports, now: clock, log: silentLog })).toMatchObject({
    made: true,
    days: 30,
  });
  expect(await reports.get('2026-11-27')).toMatchObject({ gateways: 400, days: 30 });
}, 60_000);
