import type { Log } from '../../core/log.ts';
import { parseUpstream, type FrameProblem, type Upstream, type UpstreamType } from '../../core/messages.ts';
import type { GatewayItem } from '../../core/model.ts';
import { connectionStanding, newestEpoch } from '../../core/routes/route-rules.ts';
import type { Connections } from '../aws/connections.ts';
import type { ConnectionContext, WebSocketRequest } from '../aws/websocket-handler.ts';
import type { Clock, GatewayStore } from '../commands/ports.ts';
import { postDrafts } from '../commands/reach.ts';

/** A connection as its authorizer let it in. Tenant and gateway come from here, never from a message. */
export interface Socket extends ConnectionContext {
  connectionId: string;
}

export const socketOf = ({ connectionId, connection }: WebSocketRequest): Socket => ({
  connectionId,
  ...connection,
});

export interface FrameDeps {
  connections: Connections;
  clock: Clock;
  log: Log;
}

/**
 * The message in an event, if it is one of `types` and belongs to this connection. Anything else is answered with
 * `reject`, logged, and undefined.
 */
export async function receive<T extends UpstreamType>(
  deps: FrameDeps,
  socket: Socket,
  frame: string,
  types: readonly T[],
): Promise<Extract<Upstream, { t: T }> | undefined> {
  const parsed = parseUpstream(frame);
  if (!parsed.ok) return refuse(deps, socket, parsed.problem);
  const { message } = parsed;
  const messageId = message.id;
  if (message.epoch !== socket.epoch)
    return refuse(deps, socket, {
      code: 'WRONG_EPOCH',
      message: `this connection's epoch is ${socket.epoch}, the message's ${message.epoch}`,
      messageId,
    });
  if (!(types as readonly string[]).includes(message.t))
    return refuse(deps, socket, {
      code: 'UNKNOWN_TYPE',
      message: `${message.t} is not taken here`,
      messageId,
    });
  return message as Extract<Upstream, { t: T }>;
}

export type RefusalCode =
  | FrameProblem['code']
  | 'WRONG_EPOCH'
  | 'NO_ROUTE'
  | 'REVOKED'
  | 'KEY_REPLACED'
  | 'KEY_REFUSED'
  | 'UNKNOWN_GATEWAY';

/** Answers with `reject`; whether the connection still takes it does not matter. */
export async function refuse(
  deps: FrameDeps,
  socket: Socket,
  problem: { code: RefusalCode; message: string; messageId: string | undefined },
): Promise<undefined> {
  deps.log('warn', 'frame.refused', {
    gatewayId: socket.gatewayId,
    connectionId: socket.connectionId,
    code: problem.code,
  });
  await postDrafts(deps, socket, [{ t: 'reject', body: problem }]);
  return undefined;
}

/** Refuses what no later frame can mend, and ends the connection, which may be one that no row tells of. */
export async function turnAway(
  deps: FrameDeps,
  socket: Socket,
  problem: Parameters<typeof refuse>[2],
): Promise<undefined> {
  await refuse(deps, socket, problem);
  await deps.connections.close(socket.connectionId);
  return undefined;
}

/**
 * The gateway's item if this connection is the one that reaches it. A superseded one is told so, one without a
 * route is asked to send its hello again (`NO_ROUTE`), one of a revoked gateway is refused and closed.
 */
export async function requireLive(
  deps: FrameDeps & { gateways: GatewayStore },
  socket: Socket,
  messageId: string,
): Promise<GatewayItem | undefined> {
  const gateway = await deps.gateways.get(socket.gatewayId);
  switch (connectionStanding(gateway, socket)) {
    case 'live':
      return gateway;
    case 'superseded': {
      const byEpoch = gateway ? newestEpoch(gateway) : 0;
      deps.log('info', 'frame.superseded', { gatewayId: socket.gatewayId, epoch: socket.epoch, byEpoch });
      await postDrafts(deps, socket, [{ t: 'superseded', body: { byEpoch } }]);
      return undefined;
    }
    case 'no-route':
      return refuse(deps, socket, { code: 'NO_ROUTE', message: 'send hello first', messageId });
    case 'refused':
      return turnAway(deps, socket, {
        ...(gateway && gateway.status !== 'revoked'
          ? { code: 'KEY_REPLACED', message: 'the key of this connection was replaced' }
          : { code: 'REVOKED', message: 'this gateway was revoked' }),
        messageId,
      });
  }
}
