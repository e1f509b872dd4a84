import { apiGatewayConnections } from '../aws/connections.ts';
import { gatewaysTable } from '../aws/tables.ts';
import { webSocketHandler } from '../aws/websocket-handler.ts';
import { systemClock } from '../commands/aws-deps.ts';
import { dynamoGateways } from '../commands/dynamo-stores.ts';
import { rotateKey } from './rotate-key.ts';
import { receive, socketOf } from './socket.ts';

export const env = ['GATEWAYS_TABLE', 'CALLBACK_URL'] as const;

/** Route `key.rotate`. */
export const handler = webSocketHandler({
  env,
  deps: (names) => ({
    gateways: dynamoGateways(gatewaysTable(names.GATEWAYS_TABLE)),
    connections: apiGatewayConnections(names.CALLBACK_URL),
    clock: systemClock,
  }),
  handle: async (shared, request) => {
    const deps = { ...shared, log: request.log };
    const socket = socketOf(request);
    const message = await receive(deps, socket, request.body, ['key.rotate']);
    if (message) await rotateKey(deps, socket, message);
  },
});
