import type { Log } from '../../core/log.ts';
import { parseUpstream, type Downstream, type DownstreamType, type Upstream } from '../../core/messages.ts';
import type { GatewayItem } from '../../core/model.ts';
import type { StatusStore } from './status-store.ts';

/** The connection that a frame came over, as the authorizer verified it. */
export interface Connection {
  connectionId: string;
  gatewayId: string;
  tenantId: string;
  epoch: number;
  keyGeneration: number;
}
export type Body<T extends DownstreamType> = Extract<Downstream, { t: T }>['body'];
export interface ReportDeps {
  store: StatusStore;
  /** Posts to the connection; resolves also when it is gone. */
  post: <T extends DownstreamType>(connection: Connection, t: T, body: Body<T>) => Promise<void>;
  cellId: string;
  now: () => number;
  log: Log;
}

/**
 * Takes one `status` or `inventory` frame: validated, of this connection's epoch, of a gateway that is still let in.
 * A frame that cannot be accepted is answered with `reject`; one of an older connection is dropped. Throws only what
 * the store throws: without its `status.ack` the agent sends the status again.
 */
export async function takeReport(deps: ReportDeps, connection: Connection, frame: string): Promise<void> {
  const { gatewayId } = connection;
  const parsed = parseUpstream(frame);
  if (!parsed.ok) {
    deps.log('warn', 'frame.rejected', { gatewayId, code: parsed.problem.code });
    return deps.post(connection, 'reject', parsed.problem);
  }
  const { message } = parsed;
  if (message.epoch !== connection.epoch)
    return deps.log('info', 'frame.dropped', { gatewayId, epoch: message.epoch, reason: 'another epoch' });
  const refusal = refusalOf(await deps.store.gateway(gatewayId), connection);
  if (refusal === 'superseded')
    return deps.log('info', 'frame.dropped', { gatewayId, epoch: connection.epoch, reason: refusal });
  if (refusal)
    return deps.post(connection, 'reject', { messageId: message.id, code: 'FORBIDDEN', message: refusal });
  if (message.t === 'status') return takeStatus(deps, connection, message);
  if (message.t === 'inventory') return takeInventory(deps, connection, message);
  return deps.post(connection, 'reject', {
    messageId: message.id,
    code: 'UNKNOWN_TYPE',
    message: `"${message.t}" is not for this route`,
  });
}

function refusalOf(gateway: GatewayItem | undefined, connection: Connection): string | undefined {
  if (!gateway || gateway.status !== 'active' || gateway.tenantId !== connection.tenantId)
    return 'the gateway is not active';
  if (gateway.keyGeneration !== connection.keyGeneration) return 'the key of this connection was replaced';
  // The newest connection wins; a route that is older than this connection is about to be replaced by its hello.
  if (gateway.route && gateway.route.epoch > connection.epoch) return 'superseded';
  return undefined;
}

async function takeStatus(
  { store, post, cellId, now, log }: ReportDeps,
  connection: Connection,
  message: Extract<Upstream, { t: 'status' }>,
): Promise<void> {
  const receivedAt = now();
  const { gatewayId, tenantId, epoch } = connection;
  const { heartbeat } = message.body;
  // By the frame's own time: a heartbeat from the spool was made long before it was sent.
  const clockSkewMs = message.ts - receivedAt;
  const isNew = await store.putStatus({
    gatewayId,
    tenantId,
    heartbeat,
    receivedAt,
    clockSkewMs,
    epoch,
    cellId,
  });
  log('debug', 'status.taken', { gatewayId, seq: heartbeat.seq, isNew });
  // A duplicate is acknowledged like the first: what the agent waits for is that it is stored.
  await post(connection, 'status.ack', { bootId: heartbeat.bootId, seq: heartbeat.seq, receivedAt });
}

async function takeInventory(
  { store, now, log }: ReportDeps,
  { gatewayId, tenantId }: Connection,
  message: Extract<Upstream, { t: 'inventory' }>,
): Promise<void> {
  const { inventory } = message.body;
  const isNew = await store.putInventory({ gatewayId, tenantId, inventory, receivedAt: now() });
  log('debug', 'inventory.taken', { gatewayId, isNew });
}
