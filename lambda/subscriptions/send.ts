import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { alertEventSource, type SubscriptionMessage } from '../../core/alert-event.ts';
import { HoldfastError } from '../../core/errors.ts';
import { messageDetailType, messageIdOf } from '../../core/subscriptions/message.ts';
import type { SubscriptionItem } from '../../core/subscriptions/model.ts';
import { addressOf, parseTarget, shownTarget, type LocalTargets } from '../../core/subscriptions/targets.ts';
import { liveSecrets, signatureHeaders } from '../../core/subscriptions/webhook-signature.ts';
import { clientOptions } from '../aws/client-options.ts';
import type { Send } from './ports.ts';
import { postWebhook, type WebhookDeps } from './post-webhook.ts';
import type { Unseal } from './sealing.ts';

export interface SendDeps extends WebhookDeps {
  readonly local: LocalTargets;
  readonly unseal: Unseal;
  readonly now: () => number;
}

/** One call, short: what failed is tried again by the lane. */
const oneTry = { ...clientOptions, maxAttempts: 1 };

/** Sends to any kind of target. The address is a tenant's: it is checked again here, right before its use. */
export function sender(deps: SendDeps): Send {
  const queues = perRegion((region) => new SQSClient({ ...oneTry, ...region }));
  const topics = perRegion((region) => new SNSClient({ ...oneTry, ...region }));
  const buses = perRegion((region) => new EventBridgeClient({ ...oneTry, ...region }));
  return async (subscription, message) => {
    const { region } = parseTarget(subscription, subscription.tenantId, deps.local);
    const body = messageText(message);
    const address = addressOf(subscription);
    switch (subscription.kind) {
      case 'webhook':
        return sendToWebhook(deps, subscription, message, body);
      case 'sqs':
        return taken(subscription, 'sqs:SendMessage', async () => {
          const order = address.endsWith('.fifo') ? inOrder(message) : {};
          await queues(region).send(
            new SendMessageCommand({ QueueUrl: address, MessageBody: body, ...order }),
          );
        });
      case 'sns':
        return taken(subscription, 'sns:Publish', async () => {
          const order = address.endsWith('.fifo') ? inOrder(message) : {};
          const MessageAttributes = attributesOf(message);
          await topics(region).send(
            new PublishCommand({ TopicArn: address, Message: body, MessageAttributes, ...order }),
          );
        });
      case 'eventbridge':
        return taken(subscription, 'events:PutEvents', async () => {
          const entry = { Source: alertEventSource, DetailType: messageDetailType(message), Detail: body };
          const put = new PutEventsCommand({ Entries: [{ ...entry, EventBusName: address }] });
          const { Entries: [answer] = [] } = await buses(region).send(put);
          if (!answer?.EventId || answer.ErrorCode) throw named(answer?.ErrorCode ?? 'NoAnswer');
        });
    }
  };
}

/** SQS and SNS refuse a message that holds one of these two, and a gateway may name a mount by them: JSON spells them out. */
const messageText = (message: SubscriptionMessage): string =>
  JSON.stringify(message).replace(/[\ufffe\uffff]/g, (one) => (one === '\ufffe' ? '\\ufffe' : '\\uffff'));

/** Of one alert in order, each once: what a FIFO queue or topic makes of it. */
const inOrder = (message: SubscriptionMessage) => ({
  MessageGroupId: message.type === 'alert' ? message.event.alertKey : message.type,
  MessageDeduplicationId: messageIdOf(message),
});

/** By which a topic's subscriptions may filter. SNS refuses a message with an empty one: of many gateways there is none. */
function attributesOf(message: SubscriptionMessage) {
  const { severity, conditionId, gatewayId } =
    message.type === 'alert'
      ? message.event
      : { severity: undefined, conditionId: undefined, gatewayId: undefined };
  const values = Object.entries({ type: message.type, severity, conditionId, gatewayId });
  return Object.fromEntries(
    values.flatMap(([name, value]) =>
      value === undefined || value === '' ? [] : [[name, { DataType: 'String', StringValue: value }]],
    ),
  );
}

async function sendToWebhook(
  deps: SendDeps,
  { tenantId, subscriptionId, secrets, url = '' }: SubscriptionItem,
  message: SubscriptionMessage,
  body: string,
): Promise<void> {
  const now = deps.now();
  const sealed = liveSecrets(secrets, now).map((secret) => secret.sealed);
  const open = await Promise.all(sealed.map((one) => deps.unseal(one, { tenantId, subscriptionId })));
  const signed = { id: messageIdOf(message), timestampSec: Math.floor(now / 1_000), body };
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'Holdfast-Alerts/1',
    ...signatureHeaders(signed, open),
  };
  await postWebhook(deps, url, { headers, body });
}

async function taken(
  subscription: SubscriptionItem,
  action: string,
  call: () => Promise<void>,
): Promise<void> {
  try {
    await call();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.name : 'unknown error';
    throw new HoldfastError('UNAVAILABLE', `${shownTarget(subscription)} did not take a message: ${reason}`, {
      hint: `its policy must allow ${action} to Holdfast’s account`,
      cause,
    });
  }
}

const named = (name: string): Error => Object.assign(new Error(name), { name });

/** Clients live as long as the function's process. '': the function's own region. */
function perRegion<Client>(make: (region: { region?: string }) => Client): (region?: string) => Client {
  const clients = new Map<string, Client>();
  return (region = '') => {
    const client = clients.get(region) ?? make(region === '' ? {} : { region });
    clients.set(region, client);
    return client;
  };
}

/** Where the machine's own services are: the variable that every SDK reads. Undefined on AWS. */
export function localServicesOrigin(
  env: Record<string, string | undefined> = process.env,
): string | undefined {
  const url = env['AWS_ENDPOINT_URL_SQS'] ?? env['AWS_ENDPOINT_URL'];
  return url ? new URL(url).origin : undefined;
}
