import { fleetScope } from '../core/audit/actions.ts';
import type { ApiClient } from './api-client.ts';
import type { Session } from './program.ts';

/** Who names a gateway that the tenant has not waits for alerts that never come. Throws NOT_FOUND. */
export async function requireGateways(api: ApiClient, gatewayIds: readonly string[]): Promise<void> {
  for (const gatewayId of new Set(gatewayIds)) await api.call('getGateway', { params: { gatewayId } });
}

/**
 * Behind an empty list: an operator may have mistyped the tenant, which the API takes as it is. The first page of its
 * gateways tells. Nothing for a tenant, whose token names it, and where no person reads it.
 */
export async function unknownTenantText({ api, context, isJson }: Session): Promise<string> {
  const { identity, tenantId } = context;
  if (isJson || identity.kind === 'tenant' || tenantId === fleetScope) return '';
  const {
    gateways,
    hiddenCount = 0,
    next,
  } = await api.call('listGateways', { query: { status: 'current' } });
  const isKnown = gateways.length > 0 || hiddenCount > 0 || next !== undefined;
  return isKnown ? '' : `; no gateway of a tenant ${tenantId} is known`;
}
