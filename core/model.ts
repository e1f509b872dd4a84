import type { AlertHold, ResolveReason } from './alerts/model.ts';
import type { CommandKind } from './command-kinds.ts';
import type { StatusHistory } from './conditions/history.ts';
import type { Configuration } from './configuration/configuration.ts';
import type { CommandOutcome } from './messages.ts';
import type { GatewayLabels } from './identity/labels.ts';
import type { PatternEvidence } from './patterns/evidence.ts';
import type { Heartbeat, Inventory } from './status.ts';

/**
 * What the tables hold. Each invariant lives in one item and is kept by one conditional write on it; times are
 * Unix ms from the writer's clock unless said otherwise. Names of tables come from the environment (core/env.ts).
 */

/**
 * Gateways table: pk `gatewayId`; index `byTenant`: pk `tenantId`, sk `gatewayId`, keys only; index `byNews`: pk
 * `newsShard`, sk `newsAt`, keys only: what the status proxy reads again.
 */
export interface GatewayItem {
  gatewayId: string;
  tenantId: string;
  name?: string;
  /** What its owner says of where it is; patterns and site incidents go by it. */
  labels?: GatewayLabels;
  /** `pending`: it may connect and report, and nothing else, until a tenant-admin confirms it. */
  status: 'pending' | 'active' | 'revoked';
  /** Ed25519 public key, raw, base64url; a new key raises the generation. */
  publicKey: string;
  keyGeneration: number;
  /** When the key was replaced last; absent while it is the first one. */
  keyChangedAt?: number;
  /** Epoch of the connection that brought the key in force: it goes on, with the key before, until it is replaced. */
  rotatedBy?: number;
  createdAt: number;
  /** Who activated it: the name that its host gave itself, and where the request came from. */
  activatedFrom?: { hostname?: string; address?: string };
  /** Who confirmed it, where its code wanted that. */
  confirmedBy?: string;
  /** The highest dialSeq that a token was burned for. */
  dialSeq: number;
  /** Which connection reaches the gateway. Absent: none. */
  route?: Route;
  /** The highest epoch that ever was the route: no older connection gets it, even when that one is gone. */
  routedEpoch?: number;
  /** The connection that the newest hello replaced. */
  previous?: { epoch: number; cellId: string; connectionId: string };
  /** When the route was taken off (`$disconnect`, 410); absent while one is set. */
  routeLostAt?: number;
  /** Start times of the last hellos, newest last, at most 16: input of ConnectionFlapping. */
  recentHellos: number[];
  /** Processes and journals that said hello, newest last, at most 4 each, as the first digits of a hash. */
  recentBoots?: string[];
  recentJournals?: string[];
  /** When one of them came back after another had taken its place: two hosts have the key. Input of GatewayCloned. */
  cloneSeenAt?: number;
  /** Counts submitted commands: source of `openSeq`. */
  commandCounter: number;
  /** commandId → journalId that may run it; at most 8. */
  grants: Record<string, string>;
  /** The configuration's version that the gateway has not answered yet, as far as is known. */
  configPending?: number;
  /** '0'…'7'; and when something changed that no status tells (core/routes/gateway-news.ts). */
  newsShard?: string;
  newsAt?: number;
}

/** Configurations table: pk `gatewayId`; there is none before the first is set. */
export interface ConfigurationItem {
  gatewayId: string;
  tenantId: string;
  /** Of what is desired; only goes up, from 1. */
  version: number;
  configuration: Configuration;
  /** Who set which version, newest last, at most 20. */
  changes: { version: number; at: number; by: Principal }[];
  /** What the gateway said last, and over which connection. */
  reported?: {
    version: number;
    outcome: 'applied' | 'refused';
    problems?: string[];
    at: number;
    epoch: number;
  };
}

export interface Route {
  epoch: number;
  cellId: string;
  connectionId: string;
  bootId: string;
  journalId: string;
  connectedAt: number;
}

/** Connections table of a cell: pk `gatewayId`. Put if the epoch is newer, deleted only by its own connection. */
export interface HolderItem {
  gatewayId: string;
  connectionId: string;
  epoch: number;
  bootId: string;
  journalId: string;
  connectedAt: number;
  /** Unix seconds; DynamoDB may delete late, so readers compare it themselves. */
  expiresAtSec: number;
}

/** Cells table: pk `scope`; one item, `fleet`. */
export interface CellsItem {
  scope: string;
  /** Optimistic concurrency: every write asserts and raises it. */
  version: number;
  /** The cells that are being emptied. */
  draining: Record<string, { since: number; by: string }>;
}

export const openCommandStates = ['QUEUED', 'SENT', 'ACKED', 'RUNNING'] as const;
export const finalCommandStates = [
  'SUCCEEDED',
  'FAILED',
  'TIMED_OUT',
  'CANCELED',
  'REJECTED',
  'EXPIRED',
  'INDETERMINATE',
] as const;
export type CommandState = (typeof openCommandStates)[number] | (typeof finalCommandStates)[number];

/**
 * Commands table: pk `gatewayId`, sk `commandId`; local indexes `open`: sk `openSeq` (number), sparse,
 * and `byTime`: sk `createdAt` (number), both with all attributes;
 * index `openByShard`: pk `openShard` (string), sk `dueAt` (number), sparse, keys only: what the sweeper looks at.
 */
export interface CommandItem {
  gatewayId: string;
  /** Hash of tenant, gateway and idempotency key. */
  commandId: string;
  tenantId: string;
  kind: CommandKind;
  params: Record<string, unknown>;
  /** Hash of kind and params: the same key with another body is a conflict. */
  bodyHash: string;
  lane: string;
  state: CommandState;
  attempt: number;
  /** Optimistic concurrency: every write asserts and raises it. */
  version: number;
  /** Present exactly while the state is open. */
  openSeq?: number;
  /** '0'…'7'. It and `dueAt` stay until the final state has its audit entry: until then the sweeper looks after it. */
  openShard?: string;
  /** When the sweeper must look at it: past claim, expiry, time-out, missing audit entry. */
  dueAt?: number;
  /** Epoch of the connection that the last attempt was posted to. */
  sentEpoch?: number;
  claimUntil?: number;
  whenOffline: 'queue' | 'refuse';
  createdAt: number;
  expiresAt: number;
  timeoutMs: number;
  ackedAt?: number;
  /** The journal that holds the command; another one at a later hello means that it is lost. */
  ackedJournalId?: string;
  startedAt?: number;
  endedAt?: number;
  progress?: { fraction: number; note?: string; at: number };
  cancelRequested?: boolean;
  outcome?: CommandOutcome;
  submittedBy: Principal;
  /** The cell whose door the command came through; absent for the home's. */
  viaCellId?: string;
  /** The alert that this command answers. */
  cause?: { alertKey: string; episode: number };
  /** Every transition, oldest first, at most 40. */
  audit: { at: number; state: CommandState; note?: string }[];
}

/** Who asks, as the authorizer verified it. */
export type Principal =
  { kind: 'operator'; id: string } | { kind: 'tenant'; id: string; tenantId: string; role: TenantRole };
export const tenantRoles = ['tenant-admin', 'tenant-read'] as const;
export type TenantRole = (typeof tenantRoles)[number];

/** Status table: pk `gatewayId`; the item that the status proxies scan, about 1 KB. */
export interface StatusItem {
  gatewayId: string;
  tenantId: string;
  heartbeat: Heartbeat;
  /** Server's clock. Staleness is judged by it, never by the agent's. */
  receivedAt: number;
  /** Agent's clock minus the server's on receipt. */
  clockSkewMs: number;
  epoch: number;
  cellId: string;
  /** What earlier heartbeats said, where it matters. */
  history?: StatusHistory;
}

/** Inventory table: pk `gatewayId`. */
export interface InventoryItem {
  gatewayId: string;
  tenantId: string;
  inventory: Inventory;
  receivedAt: number;
}

export const alertStates = ['OK', 'PENDING', 'FIRING', 'ACKED', 'RESOLVED', 'UNKNOWN'] as const;
export type AlertState = (typeof alertStates)[number];
export const severities = ['critical', 'warning', 'info'] as const;
export type Severity = (typeof severities)[number];

/**
 * Alerts table: pk `alertKey` = hash(tenant, gateway, condition, component); index `open`: pk `openShard`, sparse;
 * index `byTenant`: pk `tenantId`, sk `changedAt`. State and outbox change in one write.
 */
export interface AlertItem {
  alertKey: string;
  tenantId: string;
  gatewayId: string;
  conditionId: string;
  /** What of the gateway it is about: a volume, a mount; '' for the gateway itself. */
  component: string;
  severity: Severity;
  state: AlertState;
  /** The state before UNKNOWN froze it. */
  frozenState?: AlertState;
  /** Counts firings; a reopening inside 30 min continues the episode. 0: it never fired. */
  episode: number;
  /** Counts the events of this alert; eventId = `alertKey#episode#seq`. */
  seq: number;
  summary: string;
  value?: number;
  pendingSince?: number;
  /** When it was last raised: its gateway's onset, for patterns. */
  raisedAt?: number;
  firedAt?: number;
  ackedAt?: number;
  ackedBy?: string;
  ackedWhy?: string;
  /** An admin process gave up on this episode: a person has to look. */
  escalation?: { episode: number; at: number; by: string; reason: string };
  /** It fires, and nobody was told: present from such a firing until it is told or over. */
  heldBy?: AlertHold;
  /** When its firing was put into the outbox, and the event of the digest that it went out in. */
  toldAt?: number;
  toldIn?: string;
  /** Where its newest event that was taken, `seq`, went out in a digest: that one; all from `fromSeq` on went in digests. */
  lastDigest?: { eventId: string; fromSeq: number; seq: number };
  /** Of this firing, and when the last one was put into the outbox. */
  reminders?: number;
  remindedAt?: number;
  /** Since when the gateway's reports lack the component. */
  missingSince?: number;
  /** When the signal first read clear while firing (down-delay). */
  clearSince?: number;
  resolvedAt?: number;
  changedAt: number;
  evaluatedAt: number;
  suggested?: SuggestedCommand;
  /** It fires, and nobody was told: key of the alert that says it all, or `suspected`. */
  inhibitedBy?: string;
  /** Of an alert about a pattern: how it was found. */
  pattern?: PatternEvidence;
  /** Events to emit, oldest first; removed by id once EventBridge took them. */
  outbox: AlertOutboxEntry[];
  /** '0'…'7'. Present while PENDING, FIRING, ACKED or UNKNOWN, while the outbox holds anything, and for a day after `raisedAt`. */
  openShard?: string;
  /** Unix seconds, from which on DynamoDB may delete it. Absent while it is in the index. */
  expiresAtSec?: number;
  /** Transitions, oldest first, at most 40. */
  audit: { at: number; state: AlertState; note?: string }[];
  /** Optimistic concurrency: every write asserts and raises it. */
  version: number;
}
export interface AlertOutboxEntry {
  eventId: string;
  type: 'firing' | 'reminder' | 'resolved';
  at: number;
  reminder?: number;
  reason?: ResolveReason;
}
export interface SuggestedCommand {
  kind: CommandKind;
  params: Record<string, string | number>;
}

/** Tokens table: pk `tokenHash` = SHA-256 hex of the token; index `byTenant`: pk `tenantId`, sk `tokenId`. */
export interface TokenItem {
  tokenHash: string;
  tokenId: string;
  tenantId: string;
  role: TenantRole;
  createdAt: number;
  expiresAt: number;
  description?: string;
}
