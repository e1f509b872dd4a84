import type { GatewayView } from '../api.ts';
import type { GatewayItem, InventoryItem, StatusItem } from '../model.ts';

/** A gateway as people see it: no keys, no routes. */
export function gatewayView(
  gateway: GatewayItem,
  status: StatusItem | undefined,
  inventory?: InventoryItem,
): GatewayView {
  const { gatewayId, tenantId, name, createdAt, route, routeLostAt } = gateway;
  return {
    gatewayId,
    tenantId,
    name,
    status: gateway.status,
    createdAt,
    connection: route
      ? { state: 'connected', cellId: route.cellId, since: route.connectedAt }
      : { state: 'disconnected', since: routeLostAt },
    lastSeenAt: status?.receivedAt,
    heartbeat: status?.heartbeat,
    clockSkewMs: status?.clockSkewMs,
    inventory: inventory?.inventory,
  };
}
