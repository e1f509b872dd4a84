import type { CommandKind } from '../command-kinds.ts';
import { finalCommandStates, type Principal } from '../model.ts';
import type { RequestSource } from '../audit/audit-item.ts';
import type { Rate, Share } from './shares.ts';

/** `PREPARING`: its targets are being written down. `ABORTING`, `CANCELING`: nothing new starts, the open ones end. */
export const openBulkStates = ['PREPARING', 'RUNNING', 'ABORTING', 'CANCELING'] as const;
/** `PARTIAL`: every target is final, some did not succeed, and the threshold was not reached. */
export const finalBulkStates = ['SUCCEEDED', 'PARTIAL', 'ABORTED', 'CANCELED'] as const;
export type BulkState = (typeof openBulkStates)[number] | (typeof finalBulkStates)[number];

/** `UNREACHABLE`: offline where it was not to wait, revoked, or not there. `SKIPPED`: the job stopped before it. */
export const finalTargetStates = [...finalCommandStates, 'UNREACHABLE', 'SKIPPED'] as const;
export type FinalTargetState = (typeof finalTargetStates)[number];
export type BulkTargetState = 'WAITING' | 'SUBMITTED' | FinalTargetState;
/** What counts towards the threshold. Who cancels a command, or stops the job, has not met a failure. */
export const failedTargetStates = [
  'FAILED',
  'TIMED_OUT',
  'REJECTED',
  'EXPIRED',
  'INDETERMINATE',
  'UNREACHABLE',
] as const satisfies readonly FinalTargetState[];

/** Which gateways: those that were listed, every active one of the tenant, or those of them that match. */
export type BulkSelection =
  { all: true } | { where: { name?: string; agentVersion?: string } } | { listedCount: number };

/**
 * Bulk sends table: pk `bulkId`; index `open`: pk `openShard`, sk `dueAt`, sparse, keys only: what the runner looks
 * at; index `byTenant`: pk `tenantId`, sk `createdAt`, keys only. At most 400 KB, and that only while PREPARING.
 */
export interface BulkJobItem {
  /** Hash of tenant and idempotency key. */
  bulkId: string;
  tenantId: string;
  kind: CommandKind;
  params: Record<string, unknown>;
  select: BulkSelection;
  /** While PREPARING, where they were listed; their order is that of the waves. */
  gatewayIds?: string[];
  /** Hash of what was asked for: the same key with another body is a conflict. */
  bodyHash: string;
  /** Starts at most so many in any span of that length. Absent: as fast as `concurrency` lets it. */
  rate?: Rate;
  /** Commands of it that are open at once, at most. */
  concurrency: number;
  /** How many targets each wave reaches, those of the waves before it included. */
  waves: Share[];
  /** This many failures abort it. Absent: none do. */
  abortAfter?: Share;
  whenOffline: 'queue' | 'refuse';
  state: BulkState;
  /** Why it was aborted or canceled. */
  reason?: string;
  /** How many targets are in which state, as the runner last counted the rows. */
  counts: BulkCounts;
  submittedBy: Principal;
  /** Where the request came from, for the audit trail; its commands came from there, too. */
  from?: RequestSource;
  createdAt: number;
  /** Nothing starts from then on, and a command that its gateway does not have yet ends. */
  expiresAt: number;
  startedAt?: number;
  endedAt?: number;
  /** Both exactly while the state is open: '0', and when the runner last left it. */
  openShard?: string;
  dueAt?: number;
  /** The one run that may write its targets. It ends before `until`, whatever happens to it. */
  lease?: { owner: string; until: number };
}
export type BulkCounts = Partial<Record<BulkTargetState, number>>;

/** Bulk targets table: pk `bulkId`, sk `gatewayId`. */
export interface BulkTargetItem {
  bulkId: string;
  gatewayId: string;
  /** Order of starting; among equals that of the gateways' ids. */
  position: number;
  state: BulkTargetState;
  /** From SUBMITTED on, unless no command came to be. */
  commandId?: string;
  /** When the start was decided: what the rate counts. */
  startedAt?: number;
  endedAt?: number;
  /** Why it did not succeed. */
  reason?: string;
}
