import { Arn, Stack } from 'aws-cdk-lib';
import { subscriberQueuePrefix } from '../core/identity/subscriptions.ts';
import type { HoldfastFunction } from './function.ts';
import { acknowledgeWildcard } from './nag.ts';

/**
 * Lets the function send to tenants' queues: by their prefix in this account, and in other accounts only where the
 * queue's own policy lets Holdfast in as well.
 */
export function allowSubscriberQueues(fn: HoldfastFunction): void {
  const queues = Arn.format(
    { service: 'sqs', region: '*', account: '*', resource: `${subscriberQueuePrefix}*` },
    Stack.of(fn),
  );
  fn.allow(['sqs:SendMessage'], [queues]);
  acknowledgeWildcard(
    fn,
    queues,
    'Subscribers bring queues of their own, known only at run time; the prefix keeps every other queue out of reach.',
  );
}
