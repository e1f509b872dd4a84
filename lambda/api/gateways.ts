import { ssmCellDirectory } from '../aws/cell-directory.ts';
import { wholeNumber } from '../aws/env.ts';
import { httpHandler } from '../aws/http-handler.ts';
import { invokeFunction } from '../aws/invoke.ts';
import {
  auditTable,
  commandsTable,
  gatewaysTable,
  inventoryTable,
  rollupsTable,
  statusTable,
} from '../aws/tables.ts';
import { dynamoCommands } from '../commands/dynamo-stores.ts';
import { dynamoTrail } from '../audit/trail.ts';
import { getHistory, type HistoryDeps } from './show-history.ts';
import { fleetGateways, getGateway, listGateways } from './show-gateways.ts';
import {
  confirmGateway,
  labelGateway,
  renameGateway,
  revokeGateway,
  type GatewaysDeps,
} from './change-gateways.ts';

export const env = [
  'GATEWAYS_TABLE',
  'STATUS_TABLE',
  'INVENTORY_TABLE',
  'ROLLUPS_TABLE',
  'COMMANDS_TABLE',
  'AUDIT_TABLE',
  'CELL_DIRECTORY_PATH',
  'HEARTBEAT_INTERVAL_MS',
] as const;

const trail = ({ AUDIT_TABLE }: { AUDIT_TABLE: string }) => dynamoTrail(auditTable(AUDIT_TABLE));

export const handler = httpHandler<typeof env, GatewaysDeps & HistoryDeps>({
  env,
  deps: (names) => ({
    gateways: gatewaysTable(names.GATEWAYS_TABLE),
    status: statusTable(names.STATUS_TABLE),
    inventory: inventoryTable(names.INVENTORY_TABLE),
    rollups: rollupsTable(names.ROLLUPS_TABLE),
    commands: dynamoCommands(commandsTable(names.COMMANDS_TABLE)),
    audit: trail(names),
    cells: ssmCellDirectory(names.CELL_DIRECTORY_PATH),
    invoke: invokeFunction,
    heartbeatIntervalMs: wholeNumber('HEARTBEAT_INTERVAL_MS', names.HEARTBEAT_INTERVAL_MS),
    now: Date.now,
  }),
  audit: trail,
  routes: {
    listGateways,
    getGateway,
    getHistory,
    renameGateway,
    labelGateway,
    confirmGateway,
    revokeGateway,
    fleetGateways,
  },
});
