import { httpHandler } from '../aws/http-handler.ts';
import { dynamoTrail } from '../audit/trail.ts';
import { auditTable, bulkSendsTable, bulkTargetsTable } from '../aws/tables.ts';
import { systemClock } from '../commands/aws-deps.ts';
import {
  cancelBulkSend,
  createBulkSend,
  getBulkSend,
  listBulkSends,
  listBulkTargets,
  type BulkSendsDeps,
} from './bulk-sends.ts';
import { dynamoBulkJobs, dynamoBulkTargets } from './dynamo-bulk-stores.ts';

export const env = ['BULK_SENDS_TABLE', 'BULK_TARGETS_TABLE', 'AUDIT_TABLE'] as const;

export const handler = httpHandler({
  env,
  deps: (names): BulkSendsDeps => ({
    jobs: dynamoBulkJobs(bulkSendsTable(names.BULK_SENDS_TABLE)),
    targets: dynamoBulkTargets(bulkTargetsTable(names.BULK_TARGETS_TABLE)),
    clock: systemClock,
  }),
  audit: ({ AUDIT_TABLE }) => dynamoTrail(auditTable(AUDIT_TABLE)),
  routes: { createBulkSend, listBulkSends, getBulkSend, listBulkTargets, cancelBulkSend },
});
