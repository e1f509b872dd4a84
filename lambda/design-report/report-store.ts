import type { CohortList, DesignReport } from '../../core/design-report/report.ts';
import type { patternsTable } from '../aws/tables.ts';
import { packed, unpacked } from '../aws/packed.ts';

/** Reports by their date, `2026-11-28`. */
export interface ReportStore {
  /** False where there was one already; it stays. */
  put(made: { report: DesignReport; lists: CohortList[] }): Promise<boolean>;
  get(date: string): Promise<DesignReport | undefined>;
  list(date: string, attribute: string): Promise<CohortList | undefined>;
}

const ttlSec = 100 * 24 * 3_600;

/** In the Patterns table: an item for the report, which is written last and once, and one for each attribute. */
export function dynamoReportStore(table: ReturnType<typeof patternsTable>, now: () => number): ReportStore {
  const read = async <T>(itemKey: `design-report/${string}`): Promise<T | undefined> => {
    const item = await table.get({ itemKey });
    return item && 'bytes' in item ? unpacked<T>(item.bytes) : undefined;
  };
  return {
    put: async ({ report, lists }) => {
      const expiresAtSec = Math.floor(now() / 1000) + ttlSec;
      for (const list of lists) {
        const itemKey = `design-report/${report.date}/${list.attribute}` as const;
        await table.put({ itemKey, bytes: packed(list), expiresAtSec });
      }
      const itemKey = `design-report/${report.date}` as const;
      return (await table.putIfAbsent({ itemKey, bytes: packed(report), expiresAtSec })).ok;
    },
    get: (date) => read(`design-report/${date}`),
    list: (date, attribute) => read(`design-report/${date}/${attribute}`),
  };
}
