import type { AlertEvent, SubscriptionMessage } from '../../core/alert-event.ts';
import type { GuardedUpdate } from '../../core/routes/guarded-update.ts';
import type { DeadLetterItem, LaneItem, SubscriptionItem } from '../../core/subscriptions/model.ts';

export type SubscriptionKey = Pick<SubscriptionItem, 'tenantId' | 'subscriptionId'>;

/** What deliveries need from the world. Reads are strong unless said otherwise. */
export interface SubscriptionStore {
  get(key: SubscriptionKey): Promise<SubscriptionItem | undefined>;
  ofTenant(tenantId: string): Promise<SubscriptionItem[]>;
  /** The item as written; undefined where the condition failed. */
  update(key: SubscriptionKey, update: GuardedUpdate): Promise<SubscriptionItem | undefined>;
  /** Those whose turn may begin, longest due first; eventually consistent. */
  listDue(at: number, countMax: number): Promise<SubscriptionKey[]>;
}

export interface LaneStore {
  get(key: Pick<LaneItem, 'deliveryKey' | 'alertKey'>): Promise<LaneItem | undefined>;
  /** Writes when the stored version is the lane's minus one; false: it is not. */
  put(lane: LaneItem): Promise<boolean>;
  /** Lanes with something pending, longest due first, those that are not due yet at the end. */
  list(deliveryKey: string, countMax: number): Promise<LaneItem[]>;
}

export interface DeadLetterStore {
  /** The same letter again changes nothing. */
  put(letter: DeadLetterItem): Promise<void>;
  remove(letter: Pick<DeadLetterItem, 'deliveryKey' | 'letterId'>): Promise<void>;
  /** Oldest first, behind the letter `after`. */
  list(deliveryKey: string, page: { countMax: number; after?: string }): Promise<DeadLetterItem[]>;
}

/**
 * Sends one message to a subscription's target and returns once the target has it. Throws UNAVAILABLE with what the
 * target said, or why it was not asked.
 */
export interface Send {
  (subscription: SubscriptionItem, message: SubscriptionMessage): Promise<void>;
}

export const alertMessage = (event: AlertEvent): SubscriptionMessage => ({
  type: 'alert',
  version: 1,
  event,
});
