import type { GatewayItem } from '../../core/model.ts';

/** A gateway as activation leaves it: `gw-1` of the tenant `acme`, never connected. */
export const gatewayItem = (changed: Partial<GatewayItem> = {}): GatewayItem => ({
  gatewayId: 'gw-1',
  tenantId: 'acme',
  status: 'active',
  publicKey: 'key',
  keyGeneration: 1,
  createdAt: 0,
  dialSeq: 0,
  recentHellos: [],
  commandCounter: 0,
  grants: {},
  ...changed,
});
