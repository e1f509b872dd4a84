import { eventHandler } from '../aws/event-handler.ts';
import { cellsTable, gatewaysTable } from '../aws/tables.ts';
import { systemClock } from '../commands/aws-deps.ts';
import { dynamoCells, dynamoGateways } from '../commands/dynamo-stores.ts';
import { drainingCell } from './draining.ts';
import { authorizeDial, type AuthorizeDeps, type DialContext } from './authorize.ts';

export const env = ['GATEWAYS_TABLE', 'CELLS_TABLE', 'CELL_ID'] as const;

/** The parts of a WebSocket REQUEST authorizer's event that are used. */
export interface AuthorizerEvent {
  methodArn: string;
  headers?: Record<string, string | undefined>;
}
export interface AuthorizerAnswer {
  principalId: string;
  policyDocument: {
    Version: '2012-10-17';
    Statement: [{ Action: 'execute-api:Invoke'; Effect: 'Allow' | 'Deny'; Resource: string }];
  };
  context?: Record<string, string>;
}

/** `$connect`. */
export const handler = eventHandler<
  typeof env,
  Omit<AuthorizeDeps, 'log'>,
  AuthorizerEvent,
  AuthorizerAnswer
>({
  event: 'dial',
  env,
  deps: (names) => ({
    cellId: names.CELL_ID,
    gateways: dynamoGateways(gatewaysTable(names.GATEWAYS_TABLE)),
    clock: systemClock,
    isDraining: drainingCell(dynamoCells(cellsTable(names.CELLS_TABLE)), {
      cellId: names.CELL_ID,
      clock: systemClock,
    }),
  }),
  handle: async (deps, { methodArn, headers }, { log }) =>
    answer(methodArn, await authorizeDial({ ...deps, log }, authorizationOf(headers))),
});

/** Header names come as the client wrote them. */
export function authorizationOf(headers: AuthorizerEvent['headers'] = {}): string | undefined {
  return Object.entries(headers).find(([name]) => name.toLowerCase() === 'authorization')?.[1];
}

/** As API Gateway wants it; its cache is off, so the one method is all that is allowed. */
export function answer(methodArn: string, context: DialContext | undefined): AuthorizerAnswer {
  const statement = {
    Action: 'execute-api:Invoke',
    Effect: context ? 'Allow' : 'Deny',
    Resource: methodArn,
  } as const;
  return {
    principalId: context?.gatewayId ?? 'nobody',
    policyDocument: { Version: '2012-10-17', Statement: [statement] },
    ...(context ? { context: { ...context } } : {}),
  };
}
