import { dateText, dayOf } from '../../core/design-report/fleet-day.ts';
import { FleetHistory, historyDays } from '../../core/design-report/fleet-history.ts';
import { designReport } from '../../core/design-report/report.ts';
import { attributeNames } from '../../core/patterns/attributes.ts';
import type { DayStore } from './day-store.ts';
import type { ReportStore } from './report-store.ts';

export interface ReportDeps {
  days: DayStore;
  reports: ReportStore;
  now: () => number;
}
export interface Made {
  date: string;
  /** False: it is there already, or the day that it is to end with is not, or cannot be read. */
  made: boolean;
  days?: number;
  findings?: number;
  newFindings?: number;
}

/** The report of the day that is over, once. Any run may be the one that makes it. */
export async function makeReport({ days, reports, now }: ReportDeps): Promise<Made> {
  const last = dayOf(now()) - 1;
  const date = dateText(last);
  if ((await reports.get(date)) || !(await days.has(last))) return { date, made: false };
  const first = last - historyDays + 1;
  const history = new FleetHistory(attributeNames, first);
  for (let day = first; day <= last; day++) {
    const fleet = await days.get(day);
    if (fleet) history.add(fleet);
    // Without it the report would bear another day's date, and stand in that one's place.
    else if (day === last) return { date, made: false };
  }
  const made = designReport(history, await reports.get(dateText(last - 1)));
  const { findings } = made.report;
  return {
    date,
    made: await reports.put(made),
    days: made.report.days,
    findings: findings.length,
    newFindings: findings.filter(({ firstReported }) => firstReported === date).length,
  };
}
