import type { CohortList, DesignReport } from './report.ts';

/** Answer to `fleetReport`: one day’s report, and the cohorts of the attribute that was asked for. */
export interface ReportView {
  report: DesignReport;
  list?: CohortList;
}
export interface ReportFilter {
  condition?: string;
  by?: string;
}

/** What a report says of one condition, one attribute, or both. */
export function filtered({ report, list }: ReportView, { condition, by }: ReportFilter): ReportView {
  const isOf = (conditionId: string) => condition === undefined || conditionId === condition;
  const isBy = (attribute: string) => by === undefined || attribute === by;
  const releases = report.releases
    .filter(({ attribute }) => isBy(attribute))
    .map((release) => ({
      ...release,
      effects: release.effects.filter(({ conditionId }) => isOf(conditionId)),
    }))
    .filter(({ effects }) => effects.length > 0);
  return {
    report: {
      ...report,
      findings: report.findings.filter(({ conditionId, attribute }) => isOf(conditionId) && isBy(attribute)),
      releases,
    },
    ...(list && {
      list: { ...list, cohorts: list.cohorts.filter(({ conditionId }) => isOf(conditionId)) },
    }),
  };
}
