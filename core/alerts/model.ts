/** What the tables hold of alerts beside core/model.ts. */

/** Who keeps the news of an alert back. */
export type AlertHold = 'maintenance' | `silence/${string}`;
/** `clear`: it reads well. The others: nobody can say any more, which is no good news. */
export const resolveReasons = ['clear', 'revoked', 'removed', 'unknown', 'unwatched'] as const;
export type ResolveReason = (typeof resolveReasons)[number];

/** Silences table: pk `tenantId`, sk `silenceId`. What it names must fit; one that names nothing fits every alert. */
export interface SilenceItem {
  tenantId: string;
  silenceId: string;
  gatewayId?: string;
  conditionId?: string;
  component?: string;
  why: string;
  /** Id of the principal. */
  by: string;
  createdAt: number;
  endsAt: number;
  /** Ended by somebody, before its time. */
  endedAt?: number;
  endedBy?: string;
  /** Unix seconds, long after its end; until then it is shown. */
  expiresAtSec: number;
}
