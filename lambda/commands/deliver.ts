import { HoldfastError } from '../../core/errors.ts';
import { deliverRequestSchema, type DeliverAnswer } from '../../core/routes/frames.ts';
import { apiGatewayConnections } from '../aws/connections.ts';
import { eventHandler } from '../aws/event-handler.ts';
import { connectionsTable, gatewaysTable } from '../aws/tables.ts';
import { systemClock } from './aws-deps.ts';
import { dynamoGateways, dynamoHolders } from './dynamo-stores.ts';
import { handOver, type HandOverDeps } from './hand-over.ts';
import { plainIssues } from '../../core/plain-issues.ts';

export const env = ['GATEWAYS_TABLE', 'CONNECTIONS_TABLE', 'CALLBACK_URL'] as const;

/** Invoked by home and by other cells with a `DeliverRequest`; answers a `DeliverAnswer`. */
export const handler = eventHandler<typeof env, Omit<HandOverDeps, 'log'>, unknown, DeliverAnswer>({
  event: 'deliver',
  env,
  deps: (names) => ({
    gateways: dynamoGateways(gatewaysTable(names.GATEWAYS_TABLE)),
    holders: dynamoHolders(connectionsTable(names.CONNECTIONS_TABLE)),
    connections: apiGatewayConnections(names.CALLBACK_URL),
    clock: systemClock,
  }),
  handle: (deps, event, { log }) => {
    const request = deliverRequestSchema.safeParse(event);
    if (!request.success)
      throw new HoldfastError('INVALID_INPUT', `not a deliver request: ${plainIssues(request.error, event)}`);
    return handOver({ ...deps, log }, request.data);
  },
});
