import type { CommandState, Principal } from '../model.ts';

/**
 * Audit table: pk `tenantId`, sk `entryKey`; index `byGateway`: pk `gatewayKey`, sk `entryKey`, sparse. Entries are
 * inserted and never change; core/audit/ makes them.
 */
export interface AuditItem {
  tenantId: string;
  /** `at` in 15 digits, a request's or command's id, the step, a hash of what the entry says: in order of time. */
  entryKey: string;
  /** `tenantId/gatewayId`. */
  gatewayKey?: string;
  gatewayId?: string;
  at: number;
  /** A stable dotted word, such as `gateway.revoke`. */
  action: string;
  /** `asked`: written before the change is made; `ended`: what became of it. */
  step: 'asked' | 'ended';
  actor: Principal | { kind: 'gateway'; id: string };
  /** Absent where no request was at hand: a command's end. */
  from?: RequestSource;
  /** Ids of what it is about. */
  subject: Record<string, string>;
  /** Never a secret. */
  details?: Record<string, unknown>;
  /** Absent in an `asked`. */
  outcome?: { state: AuditOutcome; code?: string };
}
/** REFUSED: nothing was changed. FAILED: it broke on the way. UNKNOWN: nobody lived to write how it ended. */
export type AuditOutcome = CommandState | 'SUBMITTED' | 'DONE' | 'REFUSED' | 'FAILED' | 'UNKNOWN';

/** Where a request came from, as API Gateway saw it. */
export interface RequestSource {
  /** The function's run, as in its log. */
  requestId: string;
  sourceIp?: string;
  userAgent?: string;
  /** The cell through whose door it came; absent: home's. */
  cellId?: string;
}
