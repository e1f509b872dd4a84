import type { Answers, SubscriptionView } from '../../core/api.ts';
import { HoldfastError } from '../../core/errors.ts';
import { newChallenge, secretHash, type RandomBytes } from '../../core/identity/secrets.ts';
import {
  parseQueueUrl,
  requireSubscriptionId,
  subscriptionCountMax,
} from '../../core/identity/subscriptions.ts';
import type { SubscriptionItem } from '../../core/model.ts';
import type { ApiRequest } from '../aws/http-handler.ts';
import type { sendToQueue } from '../aws/queues.ts';
import type { subscriptionsTable } from '../aws/tables.ts';
import { typed } from '../../core/typed.ts';

export interface SubscriptionDeps {
  readonly subscriptions: ReturnType<typeof subscriptionsTable>;
  readonly send: typeof sendToQueue;
  /** Where SQS is when it is not AWS's own. */
  readonly localQueueOrigin: string | undefined;
  readonly random: RandomBytes;
  readonly now: () => number;
}

export async function listSubscriptions(
  { subscriptions }: SubscriptionDeps,
  { tenantId }: ApiRequest<'listSubscriptions'>,
): Promise<Answers['listSubscriptions']> {
  return { subscriptions: (await ofTenant(subscriptions, tenantId)).map(view) };
}

/**
 * Names a queue for the tenant's alerts. No alert goes there before the tenant has echoed the challenge that this
 * sends to it. Repeated for a confirmed queue it changes nothing; for another queue it starts again.
 */
export async function putSubscription(
  { subscriptions, send, localQueueOrigin, random, now }: SubscriptionDeps,
  { tenantId, params, body, log }: ApiRequest<'putSubscription'>,
): Promise<Answers['putSubscription']> {
  const subscriptionId = requireSubscriptionId(params['subscriptionId']);
  const { name } = parseQueueUrl(body.queueUrl, localQueueOrigin);
  const existing = await ofTenant(subscriptions, tenantId);
  const current = existing.find((item) => item.subscriptionId === subscriptionId);
  if (current?.state === 'confirmed' && current.queueUrl === body.queueUrl)
    return { subscription: view(current) };
  if (!current && existing.length >= subscriptionCountMax)
    throw new HoldfastError('CONFLICT', `a tenant has at most ${subscriptionCountMax} subscriptions`, {
      hint: 'delete one that is not needed',
    });
  const challenge = newChallenge(random);
  const item: SubscriptionItem = {
    tenantId,
    subscriptionId,
    kind: body.kind,
    queueUrl: body.queueUrl,
    state: 'pending',
    challengeHash: secretHash(challenge),
    createdAt: now(),
  };
  await subscriptions.put(item);
  await send(body.queueUrl, { type: 'challenge', tenantId, subscriptionId, challenge });
  log('info', 'subscription.challenged', { tenantId, subscriptionId, queue: name });
  return { subscription: view(item) };
}

/** The tenant echoes what it found in its queue. */
export async function confirmSubscription(
  { subscriptions }: SubscriptionDeps,
  { tenantId, params, body, log }: ApiRequest<'confirmSubscription'>,
): Promise<Answers['confirmSubscription']> {
  const subscriptionId = requireSubscriptionId(params['subscriptionId']);
  const written = await subscriptions.update({ tenantId, subscriptionId }, 'SET #state = :confirmed', {
    condition: '#challengeHash = :hash',
    values: { ':confirmed': 'confirmed', ':hash': secretHash(body.challenge) },
  });
  if (written.ok) {
    log('info', 'subscription.confirmed', { tenantId, subscriptionId });
    return { subscription: view(written.item) };
  }
  if (!written.current) throw noSuchSubscription(subscriptionId);
  throw new HoldfastError('FORBIDDEN', 'that is not the newest challenge of this subscription', {
    hint: 'each `put` sends a new challenge to the queue; echo the last one',
  });
}

export async function deleteSubscription(
  { subscriptions }: SubscriptionDeps,
  { tenantId, params, log }: ApiRequest<'deleteSubscription'>,
): Promise<Answers['deleteSubscription']> {
  const subscriptionId = requireSubscriptionId(params['subscriptionId']);
  const written = await subscriptions.delete({ tenantId, subscriptionId });
  if (!written.ok || !written.item) throw noSuchSubscription(subscriptionId);
  log('info', 'subscription.deleted', { tenantId, subscriptionId });
  return {};
}

async function ofTenant(
  subscriptions: SubscriptionDeps['subscriptions'],
  tenantId: string,
): Promise<SubscriptionItem[]> {
  const items: SubscriptionItem[] = [];
  const values = { ':tenantId': tenantId };
  for await (const item of subscriptions.query({ key: '#tenantId = :tenantId', values, strong: true }))
    items.push(item);
  return items;
}

function view({ challengeHash: _secret, ...shown }: SubscriptionItem): SubscriptionView {
  return shown;
}

const noSuchSubscription = (subscriptionId: string): HoldfastError =>
  new HoldfastError('NOT_FOUND', `there is no subscription ${subscriptionId}`, {
    hint: `\`${typed('holdfast admin subscription list')}\` shows those there are`,
  });
