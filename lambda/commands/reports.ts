import { dynamoTrail } from '../audit/trail.ts';
import { apiGatewayConnections } from '../aws/connections.ts';
import { auditTable, commandsTable, gatewaysTable } from '../aws/tables.ts';
import { webSocketHandler } from '../aws/websocket-handler.ts';
import { receive, socketOf } from '../connections/socket.ts';
import { systemClock } from './aws-deps.ts';
import { dynamoCommands, dynamoGateways } from './dynamo-stores.ts';
import { reportTypes, takeReport, type ReportDeps } from './report.ts';

export const env = ['GATEWAYS_TABLE', 'COMMANDS_TABLE', 'AUDIT_TABLE', 'CELL_ID', 'CALLBACK_URL'] as const;

/** Routes `cmd.ack`, `cmd.progress` and `cmd.result`. */
export const handler = webSocketHandler<typeof env, Omit<ReportDeps, 'log'>>({
  env,
  deps: (names) => ({
    cellId: names.CELL_ID,
    gateways: dynamoGateways(gatewaysTable(names.GATEWAYS_TABLE)),
    commands: dynamoCommands(commandsTable(names.COMMANDS_TABLE)),
    audit: dynamoTrail(auditTable(names.AUDIT_TABLE)),
    connections: apiGatewayConnections(names.CALLBACK_URL),
    clock: systemClock,
  }),
  handle: async (shared, request) => {
    const deps = { ...shared, log: request.log };
    const socket = socketOf(request);
    const report = await receive(deps, socket, request.body, reportTypes);
    if (report) await takeReport(deps, socket, report);
  },
});
