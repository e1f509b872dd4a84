import type { CohortList, DesignReport } from '../../core/design-report/report.ts';
import { reportBytesMax, wholeCohorts, wholeReport } from '../../core/design-report/whole-report.ts';
import { HoldfastError } from '../../core/errors.ts';
import type { patternsTable } from '../aws/tables.ts';
import { packed, unpacked } from '../aws/packed.ts';

/** Reports by their date, `2026-11-28`. What is read throws CORRUPT where it is damaged. */
export interface ReportStore {
  /** False where there was one already; it stays. */
  put(made: { report: DesignReport; lists: CohortList[] }): Promise<boolean>;
  get(date: string): Promise<DesignReport | undefined>;
  list(date: string, attribute: string): Promise<CohortList | undefined>;
}

const ttlSec = 100 * 24 * 3_600;

/** In the Patterns table: an item for the report, which is written last and once, and one for each attribute. */
export function dynamoReportStore(table: ReturnType<typeof patternsTable>, now: () => number): ReportStore {
  async function read<T>(of: string, whole: (value: unknown) => T): Promise<T | undefined> {
    const itemKey = `design-report/${of}` as const;
    const item = await table.get({ itemKey });
    if (!item) return undefined;
    try {
      return whole(unpacked<unknown>('bytes' in item ? [item.bytes] : [], reportBytesMax));
    } catch (cause) {
      throw new HoldfastError('CORRUPT', `the stored item ${itemKey} is damaged`, {
        hint: 'an operator deletes it from the Patterns table; the report of yesterday is then made anew',
        cause,
      });
    }
  }
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
    get: (date) => read(date, (value) => wholeReport(value, date)),
    list: (date, attribute) => read(`${date}/${attribute}`, wholeCohorts),
  };
}
