import { z } from 'zod';
import type { AlertEvent } from '../alert-event.ts';
import { subscriptionFilterSchema } from './filter.ts';
import type { Held, Waiting } from './lane.ts';
import type { DeadLetterItem, NextTarget, SubscriptionItem } from './model.ts';
import { nextOf } from './rules.ts';
import { targetSchemas } from './targets.ts';

const filter = { filter: subscriptionFilterSchema.optional() };

/** Request bodies, by route of core/subscriptions/routes.ts. */
export const subscriptionRequests = {
  putSubscription: z.discriminatedUnion('kind', [
    targetSchemas.sqs.extend(filter),
    targetSchemas.sns.extend(filter),
    targetSchemas.webhook.extend(filter),
    targetSchemas.eventbridge.extend(filter),
  ]),
  confirmSubscription: z.strictObject({ challenge: z.string().min(1).max(128) }),
  testSubscription: z.strictObject({}),
  rotateSecret: z.strictObject({}),
  redeliver: z.strictObject({ letterIds: z.array(z.string().min(1).max(160)).min(1).max(100).optional() }),
} as const;

export type SubscriptionView = Omit<
  SubscriptionItem,
  'challengeHash' | 'deliveryKey' | 'next' | 'secrets' | 'openShard' | 'dueAt' | 'wake' | 'lease'
> & {
  /** The target that takes over once its own challenge is echoed. */
  next?: Omit<NextTarget, 'challengeHash' | 'secrets'>;
  /** When what waits is tried again, while it fails. */
  nextTryAt?: number;
  /** In lists: what could have gone out and has not; absent: nothing. */
  waiting?: Waiting;
  /** In lists: what is held back for what comes before it; absent: nothing. */
  held?: Held;
  /** Of a webhook: when each secret that signs began to; the older one ends at `endsAt`. */
  secrets?: { createdAt: number; endsAt?: number }[];
};
export type DeadLetterView = Pick<DeadLetterItem, 'letterId' | 'givenUpAt' | 'reason'> & {
  event: AlertEvent;
};

export interface SubscriptionAnswers {
  /** `namePrefix`: what the tenant's queues, topics and buses are named, alone or with `_` and more behind it. */
  listSubscriptions: { subscriptions: SubscriptionView[]; namePrefix: string };
  /** `secret`: what signs a new webhook's messages, shown this once. */
  putSubscription: { subscription: SubscriptionView; secret?: string };
  confirmSubscription: { subscription: SubscriptionView };
  deleteSubscription: Record<string, never>;
  /** Whether the target took a message, and else why not. */
  testSubscription: { isTaken: boolean; durationMs: number; reason?: string };
  /** `secret`: shown this once; the one before signs beside it for a day. */
  rotateSecret: { subscription: SubscriptionView; secret: string };
  /** Oldest first. */
  listDeadLetters: { deadLetters: DeadLetterView[]; next?: string };
  /** How many wait to be sent again, and whether there are more dead letters. */
  redeliver: { redelivered: number; hasMore: boolean };
}

export function subscriptionView(item: SubscriptionItem, now: number): SubscriptionView {
  const { challengeHash: _hash, deliveryKey: _key, openShard: _shard, wake: _wake, ...rest } = item;
  const { lease: _lease, dueAt, secrets, next: _next, ...shown } = rest;
  const next = nextOf(item, now);
  return {
    ...shown,
    ...(next ? { next: nextView(next) } : {}),
    ...(item.failures !== undefined && dueAt !== undefined ? { nextTryAt: dueAt } : {}),
    ...(secrets ? { secrets: secrets.map(({ sealed: _sealed, ...times }) => times) } : {}),
  };
}

const nextView = ({ challengeHash: _hash, secrets: _secrets, ...shown }: NextTarget) => shown;
