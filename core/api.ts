import type { LatestReading } from './alerts/latest-reading.ts';
import { z } from 'zod';
import { createSilenceSchema, whySchema, type SilenceView } from './alerts/silences.ts';
import { bulkRequests, type BulkAnswers } from './bulk/api.ts';
import { commandKinds } from './command-kinds.ts';
import { putConditionSchema, type ConditionView } from './conditions/settings.ts';
import { putConfigurationSchema } from './configuration/configuration.ts';
import type { ConfigurationView } from './configuration/configuration-view.ts';
import { diagnosticsFolder } from './diagnostics.ts';
import type { GatewayView } from './identity/gateway-view.ts';
import { labelsSchema } from './identity/labels.ts';
import { limits } from './limits.ts';
import { tenantRoles, type AlertItem, type CommandItem, type TokenItem } from './model.ts';
import type { AuditItem } from './audit/audit-item.ts';
import type { HistoryView } from './rollups/history-view.ts';
import { drainCellSchema } from './routes/drain-rules.ts';
import { subscriptionRequests, type SubscriptionAnswers } from './subscriptions/api.ts';

const reservedTenantIds = ['standalone', diagnosticsFolder];
export const tenantIdSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'a tenant id: a-z, 0-9, -, at most 40')
  // Its snapshots would stand where agents keep theirs that need no control plane, or where bundles are.
  .refine((id) => !reservedTenantIds.includes(id), {
    error: ({ input }) => `the tenant id “${String(input)}” is reserved`,
  });

/** Request bodies, by route of core/api-routes.ts. */
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
    /** The gateway gets no command and no credentials before a tenant-admin confirmed it. */
    requireConfirmation: z.boolean().optional(),
  }),
  renameGateway: z.strictObject({ name: z.string().min(1).max(80) }),
  labelGateway: labelsSchema,
  putConfiguration: putConfigurationSchema,
  putCondition: putConditionSchema,
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
  escalateAlert: z.strictObject({
    episode: z.number().int().nonnegative(),
    reason: z.string().trim().min(1).max(500),
  }),
  ...bulkRequests,
  ackAlert: z.strictObject({ why: whySchema.optional() }),
  unackAlert: z.strictObject({ why: whySchema.optional() }),
  createSilence: createSilenceSchema,
  ...subscriptionRequests,
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
  /** A tenant-admin has to confirm the gateway first. */
  pending?: boolean;
  cells: { cellId: string; webSocketUrl: string }[];
}

/** `submitCommand`, `getCommand`, `cancelCommand` answer `{command}`; `listCommands` `{commands, next?}`. */
export type CommandView = Omit<
  CommandItem,
  'bodyHash' | 'claimUntil' | 'openSeq' | 'openShard' | 'dueAt' | 'sentEpoch' | 'ackedJournalId' | 'version'
>;
/** `getAlert`, `ackAlert`, `unackAlert`, `escalateAlert` answer `{alert}`; `listAlerts` (`?state=open|all`) `{alerts, next?}`. */
export type AlertView = Omit<
  AlertItem,
  'outbox' | 'openShard' | 'expiresAtSec' | 'version' | 'frozenState' | 'raisedAt' | 'pattern'
> & {
  /** The silence of its tenant that fits it now, also where its firing was told before; of alerts that are not over. */
  silencedBy?: string;
  /** In `getAlert`, while it is open: what its gateway says of it now, where `value` is of the firing or the last reminder. */
  latest?: LatestReading;
};
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
/** What somebody asked for and what became of it; `listAudit` answers `{entries, next?}`. */
export type AuditView = Omit<AuditItem, 'entryKey' | 'gatewayKey' | 'step'> &
  Required<Pick<AuditItem, 'outcome'>> & { entryId: string };
/** Answers, by route. Lists carry `next` where there is more: pass it back as `?next=`. */
export interface Answers extends BulkAnswers, SubscriptionAnswers {
  activate: ActivateResponse;
  createActivationCode: { code: string; tenantId: string; expiresAt: number };
  /** `?status=current` (the default) leaves revoked ones out, and says in `hiddenCount` how many; or `all`. */
  listGateways: { gateways: GatewayView[]; hiddenCount?: number; next?: string };
  getGateway: { gateway: GatewayView };
  getHistory: { history: HistoryView };
  renameGateway: { gateway: GatewayView };
  labelGateway: { gateway: GatewayView };
  confirmGateway: { gateway: GatewayView };
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
  /** `before`: it was acknowledged already; nothing changed unless another reason was given, which is in its place now. */
  ackAlert: { alert: AlertView; before?: Pick<AlertView, 'ackedAt' | 'ackedBy' | 'ackedWhy'> };
  escalateAlert: { alert: AlertView };
  /** `hadNone`: nobody had acknowledged it, and nothing changed. */
  unackAlert: { alert: AlertView; hadNone?: true };
  alertTrail: AlertTrail;
  /** `version`: of all the tenant has set; 0: nothing. */
  listConditions: { version: number; conditions: ConditionView[] };
  putCondition: { version: number; condition: ConditionView };
  deleteCondition: { version: number; condition: ConditionView };
  listSilences: { silences: SilenceView[] };
  createSilence: { silence: SilenceView };
  /** `hadEnded`: it was over before, and nothing changed. */
  endSilence: { silence: SilenceView; hadEnded?: true };
  listTokens: { tokens: Omit<TokenItem, 'tokenHash'>[] };
  createToken: Omit<TokenItem, 'tokenHash'> & { token: string };
  deleteToken: Record<string, never>;
  listAudit: { entries: AuditView[]; next?: string };
}

/** The text whose signature proves that the agent holds the key it activates with. */
export const activationProofText = (code: string, publicKey: string): string =>
  `holdfast-activation-v1\n${code}\n${publicKey}`;
