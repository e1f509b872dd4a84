import { dateText, dayOf, isDate } from '../../core/design-report/fleet-day.ts';
import { filtered, type ReportView } from '../../core/design-report/report-view.ts';
import { conditionById } from '../../core/conditions/conditions.ts';
import { HoldfastError } from '../../core/errors.ts';
import { attributeNames } from '../../core/patterns/attributes.ts';
import { typed } from '../../core/typed.ts';
import type { ApiRequest } from '../aws/http-handler.ts';
import { dynamoReportStore, type ReportStore } from '../design-report/report-store.ts';
import { oneOf, type PatternsApiDeps } from './show-patterns.ts';

/** So many days back the newest one is looked for. */
const recentDays = 7;

/** `?date=` (the newest without it), `&condition=`, `&by=`, which also brings the cohorts of that attribute. */
export async function fleetReport(
  { patterns, now }: PatternsApiDeps & { now: () => number },
  { query }: ApiRequest<'fleetReport'>,
): Promise<ReportView> {
  const by = query['by'] === undefined ? undefined : oneOf('by', query['by'], attributeNames);
  const condition =
    query['condition'] === undefined
      ? undefined
      : oneOf('condition', query['condition'], [...conditionById.keys()]);
  const store = dynamoReportStore(patterns, now);
  const date = query['date'];
  const report = await (date === undefined ? newest(store, now()) : ofDate(store, date));
  const list = by && (await store.list(report.date, by));
  return filtered({ report, ...(list && { list }) }, { condition, by });
}

async function newest(store: ReportStore, now: number) {
  for (let back = 1; back <= recentDays; back++) {
    const report = await store.get(dateText(dayOf(now) - back));
    if (report) return report;
  }
  throw new HoldfastError('NOT_FOUND', 'there is no design report yet', {
    hint: 'each is made within an hour after a day (UTC) that was watched to its end',
  });
}

async function ofDate(store: ReportStore, date: string) {
  if (!isDate(date))
    throw new HoldfastError('INVALID_INPUT', `date "${date.slice(0, 64)}" is no date`, {
      hint: `write it like 2026-11-28; \`${typed('holdfast fleet report')}\` shows the newest`,
    });
  const report = await store.get(date);
  if (report) return report;
  throw new HoldfastError('NOT_FOUND', `there is no design report of ${date}`, {
    hint: `they are kept for 100 days; \`${typed('holdfast fleet report')}\` shows the newest`,
  });
}
