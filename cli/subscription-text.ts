import type { SubscriptionView } from '../core/subscriptions/api.ts';
import type { SubscriptionFilter } from '../core/subscriptions/filter.ts';
import { addressOf } from '../core/subscriptions/targets.ts';
import { fields } from './output.ts';

export const subscriptionText = (s: SubscriptionView): string =>
  fields(
    {
      subscription: s.subscriptionId,
      target: addressOf(s),
      state: s.state,
      only: filterText(s.filter) || undefined,
      next: s.next && addressOf(s.next),
    },
    { wraps: true },
  );

export const filterText = (filter: SubscriptionFilter | undefined): string =>
  Object.values(filter ?? {})
    .map((list) => list.join(', '))
    .join('; ');
