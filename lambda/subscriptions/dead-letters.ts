import type { DeadLetterItem } from '../../core/subscriptions/model.ts';
import { deliveryKeyOf } from '../../core/subscriptions/rules.ts';
import { requireSubscriptionId } from '../../core/subscriptions/targets.ts';
import type { SubscriptionAnswers } from '../../core/subscriptions/api.ts';
import { cursorOf } from '../api/cursor.ts';
import type { ApiRequest } from '../aws/http-handler.ts';
import type { Table } from '../aws/table.ts';
import { enlistEvent, type EnlistDeps } from './enlist-event.ts';
import { requireSubscription, type ManageDeps } from './manage.ts';

export interface DeadLetterDeps extends Omit<EnlistDeps, 'log'>, Pick<ManageDeps, 'subscriptionItems'> {
  readonly letterItems: Table<DeadLetterItem, 'deliveryKey' | 'letterId'>;
}

/** Letters of one answer, and of one call that redelivers. */
const pageCount = 100;
const letterForm = /^(\d{15}\.[0-9a-f]{1,64}#\d{1,15}#\d{1,15})$/;

/** What was given up, oldest first. */
export async function listDeadLetters(
  { subscriptionItems, letters }: DeadLetterDeps,
  { tenantId, params, query }: ApiRequest<'listDeadLetters'>,
): Promise<SubscriptionAnswers['listDeadLetters']> {
  const subscriptionId = requireSubscriptionId(params['subscriptionId']);
  const [after] = cursorOf(query['next'], letterForm);
  const subscription = await requireSubscription(subscriptionItems, { tenantId, subscriptionId });
  const found = await letters.list(deliveryKeyOf(subscription), { countMax: pageCount, after });
  const last = found.length === pageCount ? found.at(-1) : undefined;
  return {
    deadLetters: found.map(({ letterId, givenUpAt, reason, event }) => ({
      letterId,
      givenUpAt,
      reason,
      event,
    })),
    ...(last ? { next: last.letterId } : {}),
  };
}

/**
 * Puts dead letters back into their lanes: those that are named, or the oldest hundred. One after the other, so that a
 * lane has them in order from the start; a crash leaves a letter that is then redelivered under the same event id.
 */
export async function redeliver(
  deps: DeadLetterDeps,
  { tenantId, params, body, log }: ApiRequest<'redeliver'>,
): Promise<SubscriptionAnswers['redeliver']> {
  const subscriptionId = requireSubscriptionId(params['subscriptionId']);
  const subscription = await requireSubscription(deps.subscriptionItems, { tenantId, subscriptionId });
  const deliveryKey = deliveryKeyOf(subscription);
  const found = body.letterIds
    ? await deps.letterItems.batchGet(
        [...new Set(body.letterIds)].map((letterId) => ({ deliveryKey, letterId })),
      )
    : await deps.letters.list(deliveryKey, { countMax: pageCount });
  for (const letter of found.toSorted((a, b) => a.event.seq - b.event.seq)) {
    await enlistEvent({ ...deps, log }, subscription, letter.event, { again: true });
    await deps.letters.remove(letter);
  }
  const left = await deps.letters.list(deliveryKey, { countMax: 1 });
  if (left.length === 0)
    await deps.subscriptions.update(subscription, {
      when: { is: 'present', path: 'givenUpAt' },
      remove: ['givenUpAt'],
    });
  log('info', 'subscription.redelivered', { tenantId, subscriptionId, count: found.length });
  return { redelivered: found.length, hasMore: left.length > 0 };
}
