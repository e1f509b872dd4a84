import type { ApiClient } from './api-client.ts';

/** Who names a gateway that the tenant has not waits for alerts that never come. Throws NOT_FOUND. */
export async function requireGateways(api: ApiClient, gatewayIds: readonly string[]): Promise<void> {
  for (const gatewayId of new Set(gatewayIds)) await api.call('getGateway', { params: { gatewayId } });
}
