import type { ApiRoute } from '../api-routes.ts';

/** Bulk sends over HTTP: the routes that core/api-routes.ts has in its own list. */
const bulk = '/bulk-sends/{bulkId}';
const route = <Role extends ApiRoute['role']>(
  method: ApiRoute['method'],
  path: string,
  role: Role,
): ApiRoute => ({
  method,
  path,
  function: 'bulk',
  role,
});

export const bulkRoutes = {
  createBulkSend: route('POST', '/bulk-sends', 'tenant-admin'),
  /** Newest first. */
  listBulkSends: route('GET', '/bulk-sends', 'tenant-read'),
  getBulkSend: route('GET', bulk, 'tenant-read'),
  /** In order of the gateways' ids. */
  listBulkTargets: route('GET', `${bulk}/targets`, 'tenant-read'),
  cancelBulkSend: route('POST', `${bulk}/cancel`, 'tenant-admin'),
} as const;
