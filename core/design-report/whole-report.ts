import { z } from 'zod';
import { HoldfastError } from '../errors.ts';
import { isDate } from './fleet-day.ts';
import type { CohortList, DesignReport } from './report.ts';

/** The longest JSON of a report, or of one attribute’s cohorts, that is read: some hundred KB are usual. */
export const reportBytesMax = 16 * 1024 * 1024;

const listedMax = 10_000;
const text = z.string().max(4_096);
const date = z.string().refine(isDate);
const count = z.number().int().nonnegative();
const about = { attribute: text, value: text };

/** What the next report and the API look at of it. */
const reportSchema = z.looseObject({
  ...{ date, from: date, days: count, gateways: count, customers: count, gatewayDays: count, tests: count },
  findings: z.array(z.looseObject({ ...about, conditionId: text, firstReported: date })).max(listedMax),
  releases: z
    .array(z.looseObject({ ...about, effects: z.array(z.looseObject({ conditionId: text })).max(listedMax) }))
    .max(listedMax),
  tooSmall: z.looseObject({ values: z.record(text, count), releases: count }),
});
const cohortsSchema = z.looseObject({
  attribute: text,
  cohorts: z.array(z.looseObject({ value: text, conditionId: text })).max(listedMax),
  left: count,
});

/** What was stored as the report of that date. Throws CORRUPT. */
export function wholeReport(value: unknown, ofDate: string): DesignReport {
  const { success, data } = reportSchema.safeParse(value);
  if (success && data.date === ofDate) return value as DesignReport;
  throw new HoldfastError('CORRUPT', 'the stored report is not one of its date');
}

/** What was stored as cohorts. Throws CORRUPT. */
export function wholeCohorts(value: unknown): CohortList {
  if (cohortsSchema.safeParse(value).success) return value as CohortList;
  throw new HoldfastError('CORRUPT', 'the stored cohorts are none');
}
