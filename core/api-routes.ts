import { bulkRoutes } from './bulk/routes.ts';
import type { tenantRoles } from './model.ts';
import { subscriptionRoutes } from './subscriptions/routes.ts';

/**
 * The HTTP API. Each route exists twice: for tenants under `/v1` (bearer token; the tenant is the token's) and for
 * operators under `/operator/v1/tenants/{tenantId}` (IAM or OIDC). `activate` alone is public: the code is its key.
 * Errors are `{error: {code, message, hint?}}` with the code's HTTP status (core/errors.ts).
 */
export const tenantBase = '/v1';
export const operatorBase = '/operator/v1/tenants/{tenantId}';

/** The function that serves a route: each has a role of its own. */
export type ApiFunction =
  | 'cells'
  | 'activation'
  | 'gateways'
  | 'configuration'
  | 'commands'
  | 'diagnostics'
  | 'bulk'
  | 'alerts'
  | 'subscriptions'
  | 'access'
  | 'audit';
export interface ApiRoute {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  path: string;
  function: ApiFunction;
  /** Least role of a tenant's token; 'public' needs none. */
  role: 'public' | (typeof tenantRoles)[number];
  /** True: every cell's own HTTP API serves it too. */
  alsoInCells?: boolean;
}
const route = (r: ApiRoute): ApiRoute => r;
const gateway = '/gateways/{gatewayId}';
const command = `${gateway}/commands/{commandId}`;

export const apiRoutes = {
  activate: route({ method: 'POST', path: '/activate', function: 'activation', role: 'public' }),
  createActivationCode: route({
    method: 'POST',
    path: '/activation-codes',
    function: 'activation',
    role: 'tenant-admin',
  }),
  listGateways: route({ method: 'GET', path: '/gateways', function: 'gateways', role: 'tenant-read' }),
  getGateway: route({ method: 'GET', path: gateway, function: 'gateways', role: 'tenant-read' }),
  /** `?span=hour|day|month` (default: hour), `&signal=NAME,NAME` (default: all that there are). */
  getHistory: route({
    method: 'GET',
    path: `${gateway}/history`,
    function: 'gateways',
    role: 'tenant-read',
  }),
  renameGateway: route({
    method: 'PUT',
    path: `${gateway}/name`,
    function: 'gateways',
    role: 'tenant-admin',
  }),
  /** What its owner says of where it is; what is left away is not known any more. */
  labelGateway: route({
    method: 'PUT',
    path: `${gateway}/labels`,
    function: 'gateways',
    role: 'tenant-admin',
  }),
  confirmGateway: route({
    method: 'POST',
    path: `${gateway}/confirm`,
    function: 'gateways',
    role: 'tenant-admin',
  }),
  revokeGateway: route({
    method: 'POST',
    path: `${gateway}/revoke`,
    function: 'gateways',
    role: 'tenant-admin',
  }),
  getConfiguration: route({
    method: 'GET',
    path: `${gateway}/configuration`,
    function: 'configuration',
    role: 'tenant-read',
  }),
  putConfiguration: route({
    method: 'PUT',
    path: `${gateway}/configuration`,
    function: 'configuration',
    role: 'tenant-admin',
  }),
  /** Who looks at a gateway says so now and then: for a while it reports faster. */
  watchGateway: route({
    method: 'POST',
    path: `${gateway}/watch`,
    function: 'configuration',
    role: 'tenant-read',
  }),
  submitCommand: route({
    method: 'POST',
    path: `${gateway}/commands`,
    function: 'commands',
    role: 'tenant-admin',
    alsoInCells: true,
  }),
  listCommands: route({
    method: 'GET',
    path: `${gateway}/commands`,
    function: 'commands',
    role: 'tenant-read',
    alsoInCells: true,
  }),
  getCommand: route({
    method: 'GET',
    path: command,
    function: 'commands',
    role: 'tenant-read',
    alsoInCells: true,
  }),
  cancelCommand: route({
    method: 'POST',
    path: `${command}/cancel`,
    function: 'commands',
    role: 'tenant-admin',
    alsoInCells: true,
  }),
  /** To the bundle that a diagnostics.collect uploaded. POST: a link is a secret, and nothing may cache it. */
  linkBundle: route({
    method: 'POST',
    path: `${command}/link`,
    function: 'diagnostics',
    role: 'tenant-admin',
  }),
  ...bulkRoutes,
  listAlerts: route({ method: 'GET', path: '/alerts', function: 'alerts', role: 'tenant-read' }),
  getAlert: route({ method: 'GET', path: '/alerts/{alertKey}', function: 'alerts', role: 'tenant-read' }),
  ackAlert: route({
    method: 'POST',
    path: '/alerts/{alertKey}/ack',
    function: 'alerts',
    role: 'tenant-admin',
  }),
  unackAlert: route({
    method: 'POST',
    path: '/alerts/{alertKey}/unack',
    function: 'alerts',
    role: 'tenant-admin',
  }),
  /** An admin process gave up: a person has to look. */
  escalateAlert: route({
    method: 'POST',
    path: '/alerts/{alertKey}/escalate',
    function: 'alerts',
    role: 'tenant-admin',
  }),
  /** The alert, its commands and their outcomes in order of time. */
  alertTrail: route({
    method: 'GET',
    path: '/alerts/{alertKey}/trail',
    function: 'alerts',
    role: 'tenant-read',
  }),
  listConditions: route({ method: 'GET', path: '/conditions', function: 'alerts', role: 'tenant-read' }),
  /** What the body leaves out goes back to its default. */
  putCondition: route({
    method: 'PUT',
    path: '/conditions/{conditionId}',
    function: 'alerts',
    role: 'tenant-admin',
  }),
  deleteCondition: route({
    method: 'DELETE',
    path: '/conditions/{conditionId}',
    function: 'alerts',
    role: 'tenant-admin',
  }),
  /** `?state=open` (the default) or `all`. */
  listSilences: route({ method: 'GET', path: '/silences', function: 'alerts', role: 'tenant-read' }),
  createSilence: route({ method: 'POST', path: '/silences', function: 'alerts', role: 'tenant-admin' }),
  endSilence: route({
    method: 'DELETE',
    path: '/silences/{silenceId}',
    function: 'alerts',
    role: 'tenant-admin',
  }),
  ...subscriptionRoutes,
  listTokens: route({ method: 'GET', path: '/tokens', function: 'access', role: 'tenant-admin' }),
  createToken: route({ method: 'POST', path: '/tokens', function: 'access', role: 'tenant-admin' }),
  deleteToken: route({
    method: 'DELETE',
    path: '/tokens/{tokenId}',
    function: 'access',
    role: 'tenant-admin',
  }),
  /** `?from=&to=` in Unix ms, `&gateway=`; newest first. */
  listAudit: route({ method: 'GET', path: '/audit', function: 'audit', role: 'tenant-admin' }),
} as const;
export type ApiRouteName = keyof typeof apiRoutes;

/**
 * What the provider has of its own, as a tenant has: alerts about many gateways, who is told of them, and what is kept
 * back. Operators name it `*` in the place of a tenant.
 */
export const fleetScopeRoutes: readonly string[] = [
  ...['listAlerts', 'getAlert', 'ackAlert', 'unackAlert', 'alertTrail'],
  ...['listSilences', 'createSilence', 'endSilence'],
  ...Object.keys(subscriptionRoutes),
];

/** Operators see every tenant: these exist under `/operator/v1` alone. */
export const operatorRoutes = {
  fleetGateways: { method: 'GET', path: '/operator/v1/gateways', function: 'gateways' },
  fleetAlerts: { method: 'GET', path: '/operator/v1/alerts', function: 'alerts' },
  /** What failing gateways have in common: `?state=open` (the default) or `all`. */
  fleetPatterns: { method: 'GET', path: '/operator/v1/patterns', function: 'alerts' },
  fleetPattern: { method: 'GET', path: '/operator/v1/patterns/{alertKey}', function: 'alerts' },
  /** `?by=ATTRIBUTE&condition=ID` */
  fleetBreakdown: { method: 'GET', path: '/operator/v1/breakdown', function: 'alerts' },
  /** `?date=2026-11-28` (the newest without it), `&condition=ID`, `&by=ATTRIBUTE` */
  fleetReport: { method: 'GET', path: '/operator/v1/design-report', function: 'alerts' },
  fleetCells: { method: 'GET', path: '/operator/v1/cells', function: 'cells' },
  drainCell: { method: 'POST', path: '/operator/v1/cells/{cellId}/drain', function: 'cells' },
  /** What was done to the fleet; what was done to a tenant's is in the tenant's. */
  fleetAudit: { method: 'GET', path: '/operator/v1/audit', function: 'audit' },
  undrainCell: { method: 'DELETE', path: '/operator/v1/cells/{cellId}/drain', function: 'cells' },
} as const;

/** `{gatewayId}` and the like filled in, each value URL-encoded: as RFC 3986 has it, by which requests are signed. */
export function fillPath(path: string, params: Record<string, string>): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(params[name] ?? '').replace(
      /[!'()*]/g,
      (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
    ),
  );
}
