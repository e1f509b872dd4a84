import type { Upstream } from '../../core/messages.ts';
import { postDrafts } from '../commands/reach.ts';
import { offerPending, takeReported, type OfferDeps } from '../configuration/offer-configuration.ts';
import { receive, requireLive, type Socket } from '../connections/socket.ts';
import { takeRollups } from './take-rollups.ts';
import type { StatusStore } from './status-store.ts';

export interface ReportDeps extends OfferDeps {
  store: StatusStore;
  cellId: string;
}

/**
 * Takes one `status`, `inventory` or `state.reported` frame: validated, of this connection's epoch, of the connection that reaches the
 * gateway. A frame that cannot be accepted is answered. Throws only what the store throws: without its `status.ack`
 * or `inventory.ack` the agent sends it again.
 */
export async function takeReport(deps: ReportDeps, socket: Socket, frame: string): Promise<void> {
  const message = await receive(deps, socket, frame, ['status', 'inventory', 'state.reported']);
  const gateway = message && (await requireLive(deps, socket, message.id));
  if (!gateway) return;
  switch (message.t) {
    case 'status':
      await takeStatus(deps, socket, message);
      return offerPending(deps, socket, gateway);
    case 'inventory':
      return takeInventory(deps, socket, message);
    case 'state.reported':
      return takeReported(deps, socket, message.body);
  }
}

async function takeStatus(
  deps: ReportDeps,
  socket: Socket,
  { ts, body: { heartbeat, rollups = [], wantsAck = true } }: Extract<Upstream, { t: 'status' }>,
): Promise<void> {
  const { gatewayId, tenantId, epoch } = socket;
  const { cellId, store } = deps;
  const receivedAt = deps.clock.now();
  // By the frame's own time: a heartbeat from the spool was made long before it was sent.
  const clockSkewMs = ts - receivedAt;
  await store.putStatus({
    gatewayId,
    tenantId,
    heartbeat,
    receivedAt,
    clockSkewMs,
    epoch,
    cellId,
  });
  // After the status: alerts are judged by that, and nothing by these.
  await takeRollups(deps, gatewayId, rollups, receivedAt);
  if (!wantsAck) return;
  const { bootId, seq } = heartbeat;
  // A duplicate is acknowledged like the first: what the agent waits for is that it is stored. Where the answer is
  // lost it sends again.
  await postDrafts(deps, socket, [{ t: 'status.ack', body: { bootId, seq, receivedAt } }]);
}

async function takeInventory(
  deps: ReportDeps,
  socket: Socket,
  { body: { inventory } }: Extract<Upstream, { t: 'inventory' }>,
): Promise<void> {
  const { gatewayId, tenantId } = socket;
  await deps.store.putInventory({ gatewayId, tenantId, inventory, receivedAt: deps.clock.now() });
  await postDrafts(deps, socket, [{ t: 'inventory.ack', body: { hash: inventory.hash } }]);
}
