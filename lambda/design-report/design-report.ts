import { randomBytes } from 'node:crypto';
import { eventHandler } from '../aws/event-handler.ts';
import { patternsTable } from '../aws/tables.ts';
import { dynamoDayStore } from './day-store.ts';
import { makeReport } from './make-report.ts';
import { dynamoReportStore } from './report-store.ts';

export const env = ['PATTERNS_TABLE'] as const;

/** Every half an hour; all runs of a day but one read an item or two. */
export const handler = eventHandler({
  event: 'design-report.tick',
  env,
  deps: (names) => {
    const table = patternsTable(names.PATTERNS_TABLE);
    const now = Date.now;
    return {
      days: dynamoDayStore(table, { now, random: randomBytes }),
      reports: dynamoReportStore(table, now),
      now,
    };
  },
  handle: async (deps, _event, { note, log }) => note({ ...(await makeReport({ ...deps, log })) }),
});
