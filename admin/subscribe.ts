import { CreateQueueCommand, GetQueueUrlCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { HoldfastError } from '../core/errors.ts';
import type { SubscriptionView } from '../core/subscriptions/api.ts';
import { knownFilter } from '../core/subscriptions/filter.ts';
import { targetNamePrefix } from '../core/subscriptions/targets.ts';
import type { AdminApi } from './admin-api.ts';
import { isMissingQueue } from './queue.ts';

/** An alert that nobody takes for this long is lost from the queue; SQS allows no more. */
const retentionSec = 14 * 86_400;

/**
 * Makes the queue if there is none and puts the subscription that is named after it. The control plane then sends a
 * challenge, which the admin process answers. `queueName` is `holdfast-alerts-NAME`, with or without `TENANT_` before
 * the name: the queue itself is named after its tenant. One that is there keeps its filter. Throws INVALID_INPUT for the name, IO when SQS refuses.
 */
export async function subscribe(
  { api, sqs, sqsEndpoint }: { api: AdminApi; sqs: SQSClient; sqsEndpoint?: string },
  queueName: string,
): Promise<SubscriptionView> {
  const given = /^holdfast-alerts-((?:[a-z0-9-]{1,40}_)?([a-z0-9][a-z0-9-]{0,39}))$/.exec(queueName);
  if (!given)
    throw new HoldfastError('INVALID_INPUT', `"${queueName}" is not ${targetNamePrefix}NAME`, {
      hint: 'NAME: a-z, 0-9 and -, at most 40; alerts go to queues of that prefix alone',
    });
  const [, rest = '', subscriptionId = ''] = given;
  const { namePrefix: prefix, subscriptions } = await api.listSubscriptions();
  // Another tenant's name is the API's to refuse.
  const name = rest.includes('_') || queueName === prefix ? queueName : `${prefix}_${subscriptionId}`;
  const queueUrl = await queueUrlOf(sqs, name);
  // On one machine SQS may name itself by an address that is not the one to call.
  const reachable =
    sqsEndpoint === undefined ? queueUrl : new URL(new URL(queueUrl).pathname, sqsEndpoint).href;
  const target = { kind: 'sqs' as const, queueUrl: reachable };
  const known = subscriptions.find((each) => each.subscriptionId === subscriptionId);
  const filter = known && knownFilter(known, target);
  return api.putSubscription(subscriptionId, { ...target, ...(filter ? { filter } : {}) });
}

async function queueUrlOf(sqs: SQSClient, QueueName: string): Promise<string> {
  try {
    const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName })).catch((thrown: unknown) => {
      if (!isMissingQueue(thrown)) throw thrown;
      const Attributes = { MessageRetentionPeriod: String(retentionSec) };
      return sqs.send(new CreateQueueCommand({ QueueName, Attributes }));
    });
    if (QueueUrl) return QueueUrl;
    throw new Error('it answered without a URL');
  } catch (cause) {
    const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    throw new HoldfastError('IO', `the queue ${QueueName} cannot be had: ${reason}`, {
      hint: 'check the AWS credentials and region, and sqs:CreateQueue and sqs:GetQueueUrl',
      cause,
    });
  }
}
