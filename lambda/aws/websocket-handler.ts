import { z } from 'zod';
import type { EnvName } from '../../core/env.ts';
import { errorCodes, HoldfastError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { once } from './client-options.ts';
import { readEnv } from './env.ts';
import { errorFields, runInvocation, type LambdaContext } from './invocation.ts';

/** What the authorizer verified at `$connect`, as it comes back on every later route: text only. */
export const connectionContextSchema = z.object({
  gatewayId: z.string().min(1),
  tenantId: z.string().min(1),
  epoch: z.coerce.number().int().nonnegative(),
  keyGeneration: z.coerce.number().int().positive(),
});
/** `epoch` is the dialSeq of the token that opened the connection. */
export type ConnectionContext = z.infer<typeof connectionContextSchema>;

/** The parts of an API Gateway WebSocket event that are used. */
export interface WebSocketEvent {
  requestContext: {
    routeKey: string;
    eventType: 'CONNECT' | 'MESSAGE' | 'DISCONNECT';
    connectionId: string;
    connectedAt: number;
    authorizer?: unknown;
    disconnectReason?: string;
  };
  body?: string;
}

export interface WebSocketRequest {
  readonly routeKey: string;
  readonly connectionId: string;
  /** API Gateway's clock, Unix ms. */
  readonly connectedAt: number;
  readonly connection: ConnectionContext;
  /** The frame as it came; '' where there is none. */
  readonly body: string;
  readonly disconnectReason: string | undefined;
  readonly log: Log;
}

export interface WebSocketHandlerProps<Names extends readonly EnvName[], Deps> {
  readonly env: Names;
  /** Called once per process, at the first message. */
  readonly deps: (env: Readonly<Record<Names[number], string>>) => Deps;
  readonly handle: (deps: Deps, request: WebSocketRequest) => Promise<void>;
}

/**
 * A Lambda handler for routes of the WebSocket API. A HoldfastError that blames the sender (a status below 500) is
 * logged and swallowed; any other fails the run, so that it is counted.
 */
export function webSocketHandler<const Names extends readonly EnvName[], Deps>(
  props: WebSocketHandlerProps<Names, Deps>,
): (event: WebSocketEvent, context: LambdaContext) => Promise<{ statusCode: number }> {
  const deps = once(() => props.deps(readEnv(props.env)));
  return ({ requestContext, body }, context) =>
    runInvocation('websocket.message', context, async ({ log, note }) => {
      const { routeKey, eventType, connectionId, connectedAt, disconnectReason } = requestContext;
      note({ route: routeKey, connectionId });
      const connection = connectionContextSchema.safeParse(requestContext.authorizer ?? {});
      if (!connection.success)
        throw new HoldfastError('CONFIG', `route ${routeKey} ran without the context of its authorizer`);
      const { gatewayId, tenantId, epoch } = connection.data;
      note({ gatewayId, tenantId, epoch });
      try {
        if ((eventTypeOf[routeKey] ?? eventType) !== eventType)
          throw new HoldfastError('PROTOCOL', `a message asked for the route ${routeKey}`);
        await props.handle(deps(), {
          routeKey,
          connectionId,
          connectedAt,
          connection: connection.data,
          body: body ?? '',
          disconnectReason,
          log,
        });
      } catch (thrown) {
        if (!(thrown instanceof HoldfastError) || isOurFault(thrown)) throw thrown;
        log('warn', 'websocket.refused', errorFields(thrown));
      }
      return { statusCode: 200 };
    });
}

/** Routes that API Gateway runs by itself. A message that names one must not pass for what happened. */
const eventTypeOf: Readonly<Record<string, string>> = { $connect: 'CONNECT', $disconnect: 'DISCONNECT' };

const isOurFault = ({ code }: HoldfastError): boolean => errorCodes[code].http >= 500;
