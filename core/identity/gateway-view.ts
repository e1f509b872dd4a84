import { lostAt } from '../conditions/signals.ts';
import type { GatewayItem, InventoryItem, StatusItem } from '../model.ts';
import type { Heartbeat, Inventory } from '../status.ts';
import type { GatewayLabels } from './labels.ts';
import { keyFingerprint } from './public-key.ts';

export interface GatewayView {
  gatewayId: string;
  tenantId: string;
  name?: string;
  labels?: GatewayLabels;
  /** `pending`: it reports, and gets commands once it is confirmed. */
  status: 'pending' | 'active' | 'revoked';
  createdAt: number;
  /** Disconnected also where a route is left but nothing was heard for 2.5 beats: its cell may be gone. */
  connection: { state: 'connected' | 'disconnected'; cellId?: string; since?: number };
  /** `fingerprint`: SHA-256 of the raw public key, hex. */
  key: { generation: number; fingerprint: string; since: number };
  /** When two hosts were last seen under this key; absent: never since the key came. */
  cloneSeenAt?: number;
  /** Who activated it, as the gateway itself said (`hostname`) and as its request came in (`address`). */
  activatedFrom?: { hostname?: string; address?: string };
  /** Server's clock at the newest status. */
  lastSeenAt?: number;
  heartbeat?: Heartbeat;
  clockSkewMs?: number;
  /** `getGateway` only. */
  inventory?: Inventory;
}

export interface ViewedAt {
  now: number;
  limits: { heartbeatIntervalMs: number };
}

/**
 * A gateway as people see it: of its key only what tells it apart, and no routes. A route alone is no connection: a cell
 * that died left its routes behind. So a gateway is disconnected from the moment that the alert takes it for lost, too.
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
    labels: gateway.labels,
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
