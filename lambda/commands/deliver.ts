import { HoldfastError } from '../../core/errors.ts';
import { drainRequestSchema, type DrainAnswer } from '../../core/routes/drain-rules.ts';
import { deliverRequestSchema, type DeliverAnswer } from '../../core/routes/frames.ts';
import { apiGatewayConnections } from '../aws/connections.ts';
import { eventHandler } from '../aws/event-handler.ts';
import { connectionsTable, gatewaysTable } from '../aws/tables.ts';
import { systemClock } from './aws-deps.ts';
import { dynamoGateways, dynamoHolders } from './dynamo-stores.ts';
import { tellDrain, type TellDrainDeps } from './tell-drain.ts';
import { handOver } from './hand-over.ts';
import { plainIssues } from '../../core/plain-issues.ts';

export const env = ['GATEWAYS_TABLE', 'CONNECTIONS_TABLE', 'CALLBACK_URL'] as const;

/** Left to answer in. */
const reserveMs = 2_000;

/**
 * Invoked by home and by other cells with a `DeliverRequest`; answers a `DeliverAnswer`. A `DrainRequest` of home's is
 * about all connections of the cell.
 */
export const handler = eventHandler<
  typeof env,
  Omit<TellDrainDeps, 'log'>,
  unknown,
  DeliverAnswer | DrainAnswer
>({
  event: 'deliver',
  env,
  deps: (names) => {
    const table = connectionsTable(names.CONNECTIONS_TABLE);
    return {
      gateways: dynamoGateways(gatewaysTable(names.GATEWAYS_TABLE)),
      holders: dynamoHolders(table),
      rows: (gatewayId) => table.scan({ after: gatewayId === undefined ? undefined : { gatewayId } }),
      connections: apiGatewayConnections(names.CALLBACK_URL),
      clock: systemClock,
      pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    };
  },
  handle: (deps, event, { log, remainingMs }) => {
    const drain = drainRequestSchema.safeParse(event);
    if (drain.success)
      return tellDrain({ ...deps, log }, drain.data, deps.clock.now() + remainingMs() - reserveMs);
    const request = deliverRequestSchema.safeParse(event);
    if (!request.success)
      throw new HoldfastError('INVALID_INPUT', `not a deliver request: ${plainIssues(request.error, event)}`);
    return handOver({ ...deps, log }, request.data);
  },
});
