import { dateText, dayOf } from '../../core/design-report/fleet-day.ts';
import { FleetHistory, historyDays } from '../../core/design-report/fleet-history.ts';
import { designReport } from '../../core/design-report/report.ts';
import { HoldfastError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { attributeNames } from '../../core/patterns/attributes.ts';
import { errorFields } from '../aws/invocation.ts';
import type { DayStore } from './day-store.ts';
import type { ReportStore } from './report-store.ts';

export interface ReportDeps {
  days: DayStore;
  reports: ReportStore;
  now: () => number;
  log: Log;
}
export interface Made {
  date: string;
  /** False: it is there already, or the day that it is to end with is not, or cannot be read. */
  made: boolean;
  days?: number;
  findings?: number;
  newFindings?: number;
}

/**
 * The report of the day that is over, once. Any run may be the one that makes it. A day that is damaged is left out as one
 * that is not there; a damaged report of the day before tells of nothing.
 */
export async function makeReport({ days, reports, now, log }: ReportDeps): Promise<Made> {
  const unreadable = (what: 'day' | 'report', day: number) => (thrown: unknown) => {
    if (!(thrown instanceof HoldfastError && thrown.code === 'CORRUPT')) throw thrown;
    log('error', `design-report.${what}_unreadable`, { date: dateText(day), ...errorFields(thrown) });
    return undefined;
  };
  const last = dayOf(now()) - 1;
  const date = dateText(last);
  if ((await reports.get(date)) || !(await days.has(last))) return { date, made: false };
  const first = last - historyDays + 1;
  const history = new FleetHistory(attributeNames, first);
  for (let day = first; day <= last; day++) {
    const fleet = await days.get(day).catch(unreadable('day', day));
    if (fleet) history.add(fleet);
    // Without it the report would bear another day's date, and stand in that one's place.
    else if (day === last) return { date, made: false };
  }
  const before = await reports.get(dateText(last - 1)).catch(unreadable('report', last - 1));
  const made = designReport(history, before);
  const { findings } = made.report;
  return {
    date,
    made: await reports.put(made),
    days: made.report.days,
    findings: findings.length,
    newFindings: findings.filter(({ firstReported }) => firstReported === date).length,
  };
}
