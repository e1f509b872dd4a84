import type { GatewayView } from '../api.ts';
import { lostAt } from '../conditions/signals.ts';
import type { GatewayItem, InventoryItem, StatusItem } from '../model.ts';
import { keyFingerprint } from './public-key.ts';

export interface ViewedAt {
  now: number;
  limits: { heartbeatIntervalMs: number };
}

/**
 * A gateway as people see it: of its key only what tells it apart, and no routes. A route alone is no connection: a cell that died left its routes
 * behind. So a gateway is disconnected from the moment that the alert takes it for lost, too.
 */
export function gatewayView(
  gateway: GatewayItem,
  status: StatusItem | undefined,
  at: ViewedAt,
  inventory?: InventoryItem,
): GatewayView {
  const { gatewayId, tenantId, name, createdAt, route, routeLostAt } = gateway;
  const silentSince = lostAt({ gateway, status, ...at });
  return {
    gatewayId,
    tenantId,
    name,
    status: gateway.status,
    createdAt,
    connection:
      route && silentSince === undefined
        ? { state: 'connected', cellId: route.cellId, since: route.connectedAt }
        : { state: 'disconnected', since: route ? silentSince : routeLostAt },
    key: {
      generation: gateway.keyGeneration,
      fingerprint: keyFingerprint(gateway.publicKey),
      since: gateway.keyChangedAt ?? createdAt,
    },
    cloneSeenAt: gateway.cloneSeenAt,
    activatedFrom: gateway.activatedFrom,
    lastSeenAt: status?.receivedAt,
    heartbeat: status?.heartbeat,
    clockSkewMs: status?.clockSkewMs,
    inventory: inventory?.inventory,
  };
}
