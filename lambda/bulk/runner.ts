import { setTimeout } from 'node:timers/promises';
import { dynamoTrail } from '../audit/trail.ts';
import { ssmCellDirectory } from '../aws/cell-directory.ts';
import { eventHandler } from '../aws/event-handler.ts';
import {
  auditTable,
  bulkSendsTable,
  bulkTargetsTable,
  commandsTable,
  gatewaysTable,
  statusTable,
} from '../aws/tables.ts';
import { lambdaCells, systemClock } from '../commands/aws-deps.ts';
import { dynamoCommands, dynamoGateways } from '../commands/dynamo-stores.ts';
import { forwarding, forwardingMode } from '../commands/forwarding.ts';
import { dynamoBulkJobs, dynamoBulkTargets } from './dynamo-bulk-stores.ts';
import { runBulkSends } from './run-bulk-sends.ts';
import { selectGateways } from './select-gateways.ts';

export const env = [
  'BULK_SENDS_TABLE',
  'BULK_TARGETS_TABLE',
  'GATEWAYS_TABLE',
  'STATUS_TABLE',
  'COMMANDS_TABLE',
  'CELL_DIRECTORY_PATH',
  'FORWARDING_MODE',
  'AUDIT_TABLE',
] as const;

/** Left for the commands that are being submitted when the time is over. */
const reserveMs = 10_000;

/** Every minute. Where no job is open it reads one empty page of a sparse index. */
export const handler = eventHandler({
  event: 'bulk.tick',
  env,
  deps: (names) => {
    const gateways = gatewaysTable(names.GATEWAYS_TABLE);
    return {
      gateways: dynamoGateways(gateways),
      audit: dynamoTrail(auditTable(names.AUDIT_TABLE)),
      commands: dynamoCommands(commandsTable(names.COMMANDS_TABLE)),
      jobs: dynamoBulkJobs(bulkSendsTable(names.BULK_SENDS_TABLE)),
      targets: dynamoBulkTargets(bulkTargetsTable(names.BULK_TARGETS_TABLE)),
      select: selectGateways({ gateways, status: statusTable(names.STATUS_TABLE) }),
      cells: lambdaCells(ssmCellDirectory(names.CELL_DIRECTORY_PATH)),
      mode: forwardingMode(names.FORWARDING_MODE),
      clock: systemClock,
      wait: (ms: number) => setTimeout(ms),
      cellId: undefined,
    };
  },
  handle: async ({ cells, mode, ...shared }, _event, { log, note, remainingMs }) => {
    const deps = { ...shared, log, reach: forwarding(mode, { ...shared, cells, log }) };
    const endsAt = deps.clock.now() + remainingMs();
    const report = await runBulkSends(deps, { deadline: endsAt - reserveMs, leaseUntil: endsAt });
    note({ ...report });
  },
});
