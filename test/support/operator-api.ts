import { createApiClient, type ApiClient } from '../../cli/api-client.ts';
import type { LocalCloud } from '../../local/boot.ts';

const stackPrefix = 'holdfast-';

/** The API as the local mode's operator calls it for a tenant, through home and, where asked, through a cell's door. */
export function operatorApi(cloud: LocalCloud, tenantId = 'acme'): ApiClient {
  const { home, ...cells } = Object.fromEntries(
    Object.entries(cloud.urls).map(([stack, urls]) => [
      stack.slice(stackPrefix.length),
      urls['ApiUrl']!.replace(/\/+$/, ''),
    ]),
  );
  return createApiClient({
    endpoint: home!,
    cells,
    region: cloud.region,
    tenantId,
    identity: { kind: 'operator', keys: () => Promise.resolve(cloud.operatorCredentials) },
  });
}
