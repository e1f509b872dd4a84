import { apiGatewayConnections } from '../aws/connections.ts';
import {
  configurationsTable,
  gatewaysTable,
  inventoryTable,
  rollupsTable,
  statusTable,
} from '../aws/tables.ts';
import { webSocketHandler } from '../aws/websocket-handler.ts';
import { systemClock } from '../commands/aws-deps.ts';
import { dynamoConfigurations, dynamoGateways } from '../commands/dynamo-stores.ts';
import { socketOf } from '../connections/socket.ts';
import { dynamoStatusStore } from './status-store.ts';
import { takeReport, type ReportDeps } from './take-report.ts';

export const env = [
  'GATEWAYS_TABLE',
  'STATUS_TABLE',
  'INVENTORY_TABLE',
  'ROLLUPS_TABLE',
  'CONFIGURATIONS_TABLE',
  'CELL_ID',
  'CALLBACK_URL',
] as const;

/** Routes `status`, `inventory` and `state.reported`. */
export const handler = webSocketHandler<typeof env, Omit<ReportDeps, 'log'>>({
  env,
  deps: (names) => ({
    cellId: names.CELL_ID,
    gateways: dynamoGateways(gatewaysTable(names.GATEWAYS_TABLE)),
    store: dynamoStatusStore({
      status: statusTable(names.STATUS_TABLE),
      inventory: inventoryTable(names.INVENTORY_TABLE),
      rollups: rollupsTable(names.ROLLUPS_TABLE),
    }),
    configurations: dynamoConfigurations(configurationsTable(names.CONFIGURATIONS_TABLE)),
    connections: apiGatewayConnections(names.CALLBACK_URL),
    clock: systemClock,
  }),
  handle: (shared, request) => takeReport({ ...shared, log: request.log }, socketOf(request), request.body),
});
