import { dynamoTrail } from '../audit/trail.ts';
import { ssmCellDirectory } from '../aws/cell-directory.ts';
import { eventHandler } from '../aws/event-handler.ts';
import { auditTable, commandsTable, gatewaysTable } from '../aws/tables.ts';
import { lambdaCells, systemClock } from './aws-deps.ts';
import { dynamoCommands, dynamoGateways } from './dynamo-stores.ts';
import { forwarding, forwardingMode } from './forwarding.ts';
import { sweep } from './sweep.ts';

export const env = [
  'GATEWAYS_TABLE',
  'COMMANDS_TABLE',
  'AUDIT_TABLE',
  'CELL_DIRECTORY_PATH',
  'FORWARDING_MODE',
] as const;

/** Left for the gateways that are under way when the time is over. */
const reserveMs = 10_000;

/** Every minute. */
export const handler = eventHandler({
  event: 'sweeper.tick',
  env,
  deps: (names) => ({
    gateways: dynamoGateways(gatewaysTable(names.GATEWAYS_TABLE)),
    commands: dynamoCommands(commandsTable(names.COMMANDS_TABLE)),
    audit: dynamoTrail(auditTable(names.AUDIT_TABLE)),
    cells: lambdaCells(ssmCellDirectory(names.CELL_DIRECTORY_PATH)),
    mode: forwardingMode(names.FORWARDING_MODE),
    clock: systemClock,
  }),
  handle: async ({ cells, mode, ...shared }, _event, { log, note, remainingMs }) => {
    const deps = { ...shared, log, reach: forwarding(mode, { ...shared, cells, log }) };
    const report = await sweep(deps, deps.clock.now() + remainingMs() - reserveMs);
    note({ ...report });
  },
});
