import { apiGatewayConnections } from '../aws/connections.ts';
import { webSocketHandler } from '../aws/websocket-handler.ts';
import { systemClock } from '../commands/aws-deps.ts';
import { receive, socketOf } from './socket.ts';

export const env = ['CALLBACK_URL'] as const;

/** `$default`: what has no route of its own. Anything that is not understood is answered with `reject`. */
export const handler = webSocketHandler({
  env,
  deps: (names) => ({ connections: apiGatewayConnections(names.CALLBACK_URL), clock: systemClock }),
  handle: async (shared, request) => {
    const { log } = request;
    const socket = socketOf(request);
    const message = await receive({ ...shared, log }, socket, request.body, ['bye', 'probe.ok', 'reject']);
    if (!message) return;
    const { gatewayId } = socket;
    if (message.t === 'bye') log('info', 'agent.bye', { gatewayId, reason: message.body.reason });
    else if (message.t === 'probe.ok')
      log('info', 'agent.probe-ok', { gatewayId, probeId: message.body.probeId });
    // Answering a reject with a reject could go on for ever.
    else log('warn', 'agent.rejected', { gatewayId, code: message.body.code, reason: message.body.message });
  },
});
