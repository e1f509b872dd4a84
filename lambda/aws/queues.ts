import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { SubscriptionMessage } from '../../core/alert-event.ts';
import { HoldfastError } from '../../core/errors.ts';
import { parseQueueUrl } from '../../core/identity/subscriptions.ts';
import { clientOptions } from './client-options.ts';

const clients = new Map<string, SQSClient>();

/**
 * Sends to a subscriber's queue. The URL is a tenant's: it is checked again here, because the client signs its
 * request and sends it to whatever host the URL names. UNAVAILABLE when the queue does not take it.
 */
export async function sendToQueue(queueUrl: string, message: SubscriptionMessage): Promise<void> {
  const { region } = parseQueueUrl(queueUrl, localSqsOrigin());
  const client = clients.get(region ?? '') ?? new SQSClient({ ...clientOptions, ...(region && { region }) });
  clients.set(region ?? '', client);
  await client
    .send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: JSON.stringify(message) }))
    .catch((cause: unknown) => {
      const reason = cause instanceof Error ? cause.name : 'unknown error';
      throw new HoldfastError('UNAVAILABLE', `the queue ${queueUrl} did not take a message: ${reason}`, {
        hint: 'its policy must allow sqs:SendMessage to Holdfast’s account',
        cause,
      });
    });
}

/** Where SQS is when it is not AWS's own: the variable that every SDK reads. */
export function localSqsOrigin(env: Record<string, string | undefined> = process.env): string | undefined {
  const url = env['AWS_ENDPOINT_URL_SQS'] ?? env['AWS_ENDPOINT_URL'];
  return url ? new URL(url).origin : undefined;
}
