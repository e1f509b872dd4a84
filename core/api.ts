import { z } from 'zod';
import { commandKinds } from './command-kinds.ts';
import { putConfigurationSchema } from './configuration/configuration.ts';
import type { ConfigurationView } from './configuration/configuration-view.ts';
import { diagnosticsFolder } from './diagnostics.ts';
import { limits } from './limits.ts';
import {
  tenantRoles,
  type AlertItem,
  type CommandItem,
  type SubscriptionItem,
  type TokenItem,
} from './model.ts';
import { drainCellSchema } from './routes/drain-rules.ts';
import type { Heartbeat, Inventory } from './status.ts';

/**
 * The HTTP API. Each route exists twice: for tenants under `/v1` (bearer token; the tenant is the token's) and for
 * operators under `/operator/v1/tenants/{tenantId}` (IAM or OIDC). `activate` alone is public: the code is its key.
 * Errors are `{error: {code, message, hint?}}` with the code's HTTP status (core/errors.ts).
 */
export const tenantBase = '/v1';
export const operatorBase = '/operator/v1/tenants/{tenantId}';

/** The function that serves a route: each has a role of its own. */
export type ApiFunction =
  'cells' | 'activation' | 'gateways' | 'configuration' | 'commands' | 'diagnostics' | 'alerts' | 'access';
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
  renameGateway: route({
    method: 'PUT',
    path: `${gateway}/name`,
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
  listAlerts: route({ method: 'GET', path: '/alerts', function: 'alerts', role: 'tenant-read' }),
  getAlert: route({ method: 'GET', path: '/alerts/{alertKey}', function: 'alerts', role: 'tenant-read' }),
  ackAlert: route({
    method: 'POST',
    path: '/alerts/{alertKey}/ack',
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
  listSubscriptions: route({
    method: 'GET',
    path: '/subscriptions',
    function: 'access',
    role: 'tenant-read',
  }),
  putSubscription: route({
    method: 'PUT',
    path: '/subscriptions/{subscriptionId}',
    function: 'access',
    role: 'tenant-admin',
  }),
  confirmSubscription: route({
    method: 'POST',
    path: '/subscriptions/{subscriptionId}/confirm',
    function: 'access',
    role: 'tenant-admin',
  }),
  deleteSubscription: route({
    method: 'DELETE',
    path: '/subscriptions/{subscriptionId}',
    function: 'access',
    role: 'tenant-admin',
  }),
  listTokens: route({ method: 'GET', path: '/tokens', function: 'access', role: 'tenant-admin' }),
  createToken: route({ method: 'POST', path: '/tokens', function: 'access', role: 'tenant-admin' }),
  deleteToken: route({
    method: 'DELETE',
    path: '/tokens/{tokenId}',
    function: 'access',
    role: 'tenant-admin',
  }),
} as const;
export type ApiRouteName = keyof typeof apiRoutes;

/** Operators see every tenant: these exist under `/operator/v1` alone. */
export const operatorRoutes = {
  fleetGateways: { method: 'GET', path: '/operator/v1/gateways', function: 'gateways' },
  fleetAlerts: { method: 'GET', path: '/operator/v1/alerts', function: 'alerts' },
  fleetCells: { method: 'GET', path: '/operator/v1/cells', function: 'cells' },
  drainCell: { method: 'POST', path: '/operator/v1/cells/{cellId}/drain', function: 'cells' },
  undrainCell: { method: 'DELETE', path: '/operator/v1/cells/{cellId}/drain', function: 'cells' },
} as const;

const reservedTenantIds = ['standalone', diagnosticsFolder];
export const tenantIdSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'a tenant id: a-z, 0-9, -, at most 40')
  // Its snapshots would stand where agents keep theirs that need no control plane, or where bundles are.
  .refine((id) => !reservedTenantIds.includes(id), {
    error: ({ input }) => `the tenant id “${String(input)}” is reserved`,
  });

/** Request bodies. */
export const requests = {
  /** `proof` is an Ed25519 signature over `activationProofText(code, publicKey)`, base64url. */
  activate: z.strictObject({
    code: z.string().min(16).max(64),
    publicKey: z.string().min(43).max(43),
    proof: z.string().min(86).max(86),
    agentVersion: z.string().max(32),
    hostname: z.string().max(255).optional(),
  }),
  createActivationCode: z.strictObject({
    gatewayName: z.string().min(1).max(80).optional(),
    ttlMs: z.number().int().min(limits.ttlMinMs).max(limits.activationCodeTtlMs).optional(),
  }),
  renameGateway: z.strictObject({ name: z.string().min(1).max(80) }),
  putConfiguration: putConfigurationSchema,
  watchGateway: z.strictObject({}),
  drainCell: drainCellSchema,
  submitCommand: z.strictObject({
    kind: z.enum(commandKinds),
    params: z.record(z.string(), z.json()).default({}),
    idempotencyKey: z.string().min(1).max(128).optional(),
    whenOffline: z.enum(['queue', 'refuse']).default('queue'),
    expiresInMs: z.number().int().min(limits.commandExpiryMinMs).max(limits.commandExpiryMaxMs).optional(),
    cause: z.strictObject({ alertKey: z.string().max(64), episode: z.number().int() }).optional(),
  }),
  putSubscription: z.strictObject({ kind: z.literal('sqs'), queueUrl: z.url().max(512) }),
  confirmSubscription: z.strictObject({ challenge: z.string().min(1).max(128) }),
  createToken: z.strictObject({
    role: z.enum(tenantRoles),
    description: z.string().max(200).optional(),
    ttlMs: z.number().int().min(limits.ttlMinMs).max(limits.tokenTtlMaxMs).optional(),
  }),
} as const;

/** Answer to `activate`: who the agent is and where it dials. */
export interface ActivateResponse {
  gatewayId: string;
  tenantId: string;
  name?: string;
  cells: { cellId: string; webSocketUrl: string }[];
}

/** Answers, by route. Lists carry `next` where there is more: pass it back as `?next=`. */
export interface GatewayView {
  gatewayId: string;
  tenantId: string;
  name?: string;
  status: 'active' | 'revoked';
  createdAt: number;
  /** Disconnected also where a route is left but nothing was heard for 2.5 beats: its cell may be gone. */
  connection: { state: 'connected' | 'disconnected'; cellId?: string; since?: number };
  /** Server's clock at the newest status. */
  lastSeenAt?: number;
  heartbeat?: Heartbeat;
  clockSkewMs?: number;
  /** `getGateway` only. */
  inventory?: Inventory;
}
/** `submitCommand`, `getCommand`, `cancelCommand` answer `{command}`; `listCommands` `{commands, next?}`. */
export type CommandView = Omit<
  CommandItem,
  'bodyHash' | 'claimUntil' | 'openSeq' | 'openShard' | 'dueAt' | 'sentEpoch' | 'ackedJournalId' | 'version'
>;
/** `getAlert`, `ackAlert` answer `{alert}`; `listAlerts` (`?state=open|all`) `{alerts, next?}`. */
export type AlertView = Omit<AlertItem, 'outbox' | 'openShard' | 'version' | 'frozenState'>;
export interface AlertTrail {
  alert: AlertView;
  /** Oldest first: the alert's transitions and those of the commands that answer it. */
  entries: {
    at: number;
    what: 'alert' | 'command';
    state: string;
    commandId?: string;
    kind?: string;
    note?: string;
  }[];
  commands: CommandView[];
}
export interface Answers {
  activate: ActivateResponse;
  createActivationCode: { code: string; tenantId: string; expiresAt: number };
  listGateways: { gateways: GatewayView[]; next?: string };
  getGateway: { gateway: GatewayView };
  renameGateway: { gateway: GatewayView };
  revokeGateway: { gateway: GatewayView };
  getConfiguration: { configuration: ConfigurationView };
  putConfiguration: { configuration: ConfigurationView };
  /** `isReached`: it was told to report each `everyMs` for `forMs`. */
  watchGateway: { isReached: boolean; everyMs: number; forMs: number };
  submitCommand: { command: CommandView };
  listCommands: { commands: CommandView[]; next?: string };
  getCommand: { command: CommandView };
  cancelCommand: { command: CommandView };
  /** `url` is good for everybody who has it, until `expiresAt` (Unix ms). */
  linkBundle: { url: string; expiresAt: number };
  listAlerts: { alerts: AlertView[]; next?: string };
  getAlert: { alert: AlertView };
  ackAlert: { alert: AlertView };
  alertTrail: AlertTrail;
  listSubscriptions: { subscriptions: SubscriptionView[] };
  putSubscription: { subscription: SubscriptionView };
  confirmSubscription: { subscription: SubscriptionView };
  deleteSubscription: Record<string, never>;
  listTokens: { tokens: Omit<TokenItem, 'tokenHash'>[] };
  createToken: Omit<TokenItem, 'tokenHash'> & { token: string };
  deleteToken: Record<string, never>;
}
export type SubscriptionView = Omit<SubscriptionItem, 'challengeHash'>;

/** The text whose signature proves that the agent holds the key it activates with. */
export const activationProofText = (code: string, publicKey: string): string =>
  `holdfast-activation-v1\n${code}\n${publicKey}`;

/** `{gatewayId}` and the like filled in, each value URL-encoded. */
export function fillPath(path: string, params: Record<string, string>): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
}
