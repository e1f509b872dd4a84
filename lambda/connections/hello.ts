import { dynamoTrail } from '../audit/trail.ts';
import { ssmCellDirectory } from '../aws/cell-directory.ts';
import { apiGatewayConnections } from '../aws/connections.ts';
import { wholeNumber } from '../aws/env.ts';
import {
  auditTable,
  commandsTable,
  configurationsTable,
  connectionsTable,
  gatewaysTable,
} from '../aws/tables.ts';
import { webSocketHandler } from '../aws/websocket-handler.ts';
import { lambdaCells, systemClock } from '../commands/aws-deps.ts';
import {
  dynamoCommands,
  dynamoConfigurations,
  dynamoGateways,
  dynamoHolders,
} from '../commands/dynamo-stores.ts';
import { greet, type GreetDeps } from './greet.ts';
import { receive, socketOf } from './socket.ts';

export const env = [
  'GATEWAYS_TABLE',
  'COMMANDS_TABLE',
  'AUDIT_TABLE',
  'CONNECTIONS_TABLE',
  'CONFIGURATIONS_TABLE',
  'CELL_ID',
  'CELL_DIRECTORY_PATH',
  'CALLBACK_URL',
  'HEARTBEAT_INTERVAL_MS',
  'RECONNECT_WINDOW_MS',
  'CHANGE_BURST',
] as const;

/** Route `hello`. */
export const handler = webSocketHandler<typeof env, Omit<GreetDeps, 'log'>>({
  env,
  deps: (names) => ({
    cellId: names.CELL_ID,
    gateways: dynamoGateways(gatewaysTable(names.GATEWAYS_TABLE)),
    holders: dynamoHolders(connectionsTable(names.CONNECTIONS_TABLE)),
    commands: dynamoCommands(commandsTable(names.COMMANDS_TABLE)),
    configurations: dynamoConfigurations(configurationsTable(names.CONFIGURATIONS_TABLE)),
    audit: dynamoTrail(auditTable(names.AUDIT_TABLE)),
    cells: lambdaCells(ssmCellDirectory(names.CELL_DIRECTORY_PATH)),
    connections: apiGatewayConnections(names.CALLBACK_URL),
    clock: systemClock,
    heartbeatIntervalMs: wholeNumber('HEARTBEAT_INTERVAL_MS', names.HEARTBEAT_INTERVAL_MS),
    reconnectWindowMs: wholeNumber('RECONNECT_WINDOW_MS', names.RECONNECT_WINDOW_MS),
    changeBurst: wholeNumber('CHANGE_BURST', names.CHANGE_BURST),
  }),
  handle: async (shared, request) => {
    const deps = { ...shared, log: request.log };
    const socket = socketOf(request);
    const message = await receive(deps, socket, request.body, ['hello']);
    if (message) await greet(deps, socket, message);
  },
});
