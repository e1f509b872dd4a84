import { connectionsTable, gatewaysTable } from '../aws/tables.ts';
import { webSocketHandler } from '../aws/websocket-handler.ts';
import { systemClock } from '../commands/aws-deps.ts';
import { dynamoGateways, dynamoHolders } from '../commands/dynamo-stores.ts';
import { leave } from './greet.ts';
import { socketOf } from './socket.ts';

export const env = ['GATEWAYS_TABLE', 'CONNECTIONS_TABLE'] as const;

/** `$disconnect`: late, twice or never; so it takes away only what still is this connection's. */
export const handler = webSocketHandler({
  env,
  deps: (names) => ({
    gateways: dynamoGateways(gatewaysTable(names.GATEWAYS_TABLE)),
    holders: dynamoHolders(connectionsTable(names.CONNECTIONS_TABLE)),
    clock: systemClock,
  }),
  handle: (deps, request) => leave({ ...deps, log: request.log }, socketOf(request)),
});
