import type { AlertEvent } from '../alert-event.ts';
import type { SubscriptionFilter } from './filter.ts';
import type { TargetAddress, TargetKind } from './targets.ts';

/**
 * Subscriptions table: pk `tenantId`, sk `subscriptionId`; index `due`: pk `openShard`, sk `dueAt`, sparse, keys only:
 * what has something to deliver.
 */
export interface SubscriptionItem extends TargetAddress {
  tenantId: string;
  subscriptionId: string;
  kind: TargetKind;
  /** Absent: every alert. */
  filter?: SubscriptionFilter;
  /** No alert goes out before the tenant echoed the challenge that was sent to the target. */
  state: 'pending' | 'confirmed';
  challengeHash: string;
  /** The target did not take it: there is nothing to echo. */
  challengeError?: { at: number; reason: string };
  createdAt: number;
  confirmedAt?: number;
  /** Its lanes' partition. One that is deleted and made anew gets another, and with it nothing that waited before. */
  deliveryKey?: string;
  /** The target that is to follow. Alerts go to the one above until the tenant has echoed what was sent to this one. */
  next?: NextTarget;
  /** Of a webhook: what signs, newest first, at most 2. Each is sealed by KMS for this subscription alone. */
  secrets?: SealedSecret[];
  /** Both exactly while its lanes may hold something: '0', and when the next turn may begin. */
  openShard?: string;
  dueAt?: number;
  /** Another with each event that comes: a turn ends only where it has seen the newest. */
  wake?: string;
  /** The one turn that may send. It ends before `until`, whatever happens to it. */
  lease?: { owner: string; until: number };
  /** Turns in a row in which nothing got through; absent while it goes well. */
  failures?: number;
  failingSince?: number;
  lastError?: { at: number; reason: string };
  deliveredAt?: number;
  /** When the newest of its dead letters was given up. */
  givenUpAt?: number;
}
export interface NextTarget
  extends
    TargetAddress,
    Pick<SubscriptionItem, 'kind' | 'filter' | 'challengeHash' | 'challengeError' | 'secrets' | 'createdAt'> {
  /** Who has not echoed by then starts again. */
  expiresAt: number;
}
export interface SealedSecret {
  /** Base64. */
  sealed: string;
  createdAt: number;
  /** Signs until then; absent for the newest. */
  endsAt?: number;
}

/**
 * Alert lanes table: pk `deliveryKey`, sk `alertKey`; local index `due`: sk `dueAt` (number), sparse, with all
 * attributes. What one subscription still has to be told of one alert, in order.
 */
export interface LaneItem {
  deliveryKey: string;
  alertKey: string;
  /** By `seq`, lowest first, at most 64. */
  pending: LaneEntry[];
  /** Highest `seq` that was delivered or given up; absent before the first. */
  passedSeq?: number;
  /** Failed tries of the first entry. */
  attempts: number;
  /** After a failed try: not before. */
  retryAt?: number;
  /** Whose these tries were: the hash of that target's challenge. To another target they are none. */
  triedTarget?: string;
  /** Present exactly while something is pending. */
  dueAt?: number;
  /** Optimistic concurrency: every write asserts and raises it. */
  version: number;
  /** Unix seconds; DynamoDB may delete late. */
  expiresAtSec: number;
}
export interface LaneEntry {
  event: AlertEvent;
  /** When it came. */
  at: number;
}

/** Dead letters table: pk `deliveryKey`, sk `letterId`. What was given up, until it is redelivered or too old. */
export interface DeadLetterItem {
  deliveryKey: string;
  /** `eventId` behind the time that it was given up, so that the oldest comes first. */
  letterId: string;
  event: AlertEvent;
  givenUpAt: number;
  reason: string;
  expiresAtSec: number;
}

/** Sends by request table: pk `tenantId`. When a tenant last had challenges and tests sent, at most 30. */
export interface SendBudgetItem {
  tenantId: string;
  sentAt: number[];
  version: number;
}
