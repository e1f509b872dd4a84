import type { AlertEvent } from '../../../core/alert-event.ts';
import { pendingMax } from '../../../core/subscriptions/lane.ts';
import type { LaneEntry, SubscriptionItem } from '../../../core/subscriptions/model.ts';
import { firingAlert } from '../../support/firing-alert.ts';
import type { Stage, Understudy } from './stage.ts';
import { each, type Stories, type Story } from './stories.ts';

const asks =
  (...[name, more = {}]: Parameters<Understudy['asks']>): Story =>
  (_, it) =>
    it.asks(name, { subscriptionId: 'none', ...more });

const event = (tenantId: string, seq: number, alert = 'gw-1'): AlertEvent => {
  const { alertKey } = firingAlert({ tenantId, gatewayId: alert, summary: 's' });
  const of = { alertKey, episode: 1, seq, tenantId, gatewayId: 'gw-1', conditionId: 'HighMemory' };
  const what = {
    eventId: `${alertKey}#1#${seq}`,
    type: 'firing' as const,
    component: '',
    severity: 'warning' as const,
  };
  return { ...of, ...what, summary: 's', at: 1 };
};

/** A confirmed subscription of a tenant of its own, to a queue that nobody reads. */
async function subscribed(stage: Stage, changed: Partial<SubscriptionItem> = {}): Promise<SubscriptionItem> {
  const tenantId = changed.tenantId ?? `t-${stage.newId().slice(-8)}`;
  const subscriptionId = `s-${stage.newId().slice(-8)}`;
  const item: SubscriptionItem = {
    ...{ tenantId, subscriptionId, kind: 'sqs', state: 'confirmed', challengeHash: 'h', createdAt: 1 },
    queueUrl: await stage.world.queue(`holdfast-alerts-${tenantId}_${subscriptionId}`),
    deliveryKey: `${tenantId}/${subscriptionId}/1`,
    ...changed,
  };
  await stage.table('subscriptionsTable').put(item);
  return item;
}
const dueNow = (): Partial<SubscriptionItem> => ({ openShard: '0', dueAt: Date.now() - 1_000, wake: 'w' });

async function lane(stage: Stage, { tenantId, deliveryKey = '' }: SubscriptionItem, pending: LaneEntry[]) {
  const { alertKey } = event(tenantId, 1);
  const more = { attempts: 1, triedTarget: 'h', version: 1, dueAt: 1, expiresAtSec: 2_000_000_000 };
  await stage.table('alertLanesTable').put({ deliveryKey, alertKey, pending, ...more });
}
/** So many events wait that one more makes the oldest a dead letter. */
const full = (tenantId: string): LaneEntry[] =>
  Array.from({ length: pendingMax }, (_, i) => ({ event: event(tenantId, i + 1), at: Date.now() }));

const routes =
  (changed: Partial<SubscriptionItem> = {}): Story =>
  async (stage, it) => {
    const { tenantId } = await subscribed(stage, changed);
    return it.runs({ detail: event(tenantId, 1) });
  };
const overflows: Story = async (stage, it) => {
  const item = await subscribed(stage);
  await lane(stage, item, full(item.tenantId));
  return it.runs({ detail: event(item.tenantId, pendingMax + 1) });
};
/** What is in its lane came at that time. */
const delivers =
  (at: () => number): Story =>
  async (stage, it) => {
    const item = await subscribed(stage, dueNow());
    await lane(stage, item, [{ event: event(item.tenantId, 1), at: at() }]);
    return it.runs({ tenantId: item.tenantId, subscriptionId: item.subscriptionId });
  };
const sends =
  (changed: Partial<SubscriptionItem> | ((stage: Stage) => Partial<SubscriptionItem>) = {}): Story =>
  async (stage, it) => {
    const more = typeof changed === 'function' ? changed(stage) : changed;
    const { tenantId, subscriptionId } = await subscribed(stage, { tenantId: 'acme', ...more });
    const message = { type: 'test', tenantId, subscriptionId, testId: 't' };
    return it.runs({ tenantId, subscriptionId, message });
  };
const arn = (stage: Stage, service: string, resource: string): string =>
  `arn:aws:${service}:${stage.world.cloud.region}:000000000000:${resource}`;

/** Of a function that fails: its event is to end among the dead letters. */
const fails: Story = (_, it) => it.runsLater();
const deadLetters = { 'sqs:SendMessage on DeadLetters': fails };

/** The functions that bring alerts to where tenants want them. */
export const deliveryStories: Stories = {
  SubscriptionRouter: {
    ...each(
      [
        'dynamodb:Query on Subscriptions',
        'dynamodb:UpdateItem on Subscriptions',
        'dynamodb:GetItem on AlertLanes',
        'dynamodb:PutItem on AlertLanes',
        'lambda:InvokeFunction on AlertDeliveryFunction',
      ],
      routes(),
    ),
    // It rests: what is in the way of waking it is read.
    'dynamodb:GetItem on Subscriptions': routes({ failures: 1, openShard: '0', dueAt: Date.now() + 600_000 }),
    'dynamodb:PutItem on DeadLetters': overflows,
    ...deadLetters,
  },
  AlertRetries: {
    'dynamodb:Query on Subscriptions/due': (_, it) => it.runs(),
    'lambda:InvokeFunction on AlertDeliveryFunction': async (stage, it) => {
      const { tenantId, subscriptionId } = await subscribed(stage, dueNow());
      await it.runs();
      return () => stage.table('subscriptionsTable').delete({ tenantId, subscriptionId });
    },
    ...deadLetters,
  },
  AlertDelivery: {
    'dynamodb:GetItem on Subscriptions': sends(),
    ...each(
      [
        'dynamodb:UpdateItem on Subscriptions',
        'dynamodb:Query on AlertLanes/due',
        'dynamodb:PutItem on AlertLanes',
      ],
      delivers(Date.now),
    ),
    'dynamodb:PutItem on DeadLetters': delivers(() => 1),
    'sqs:SendMessage on holdfast-alerts-*': sends(),
    'sns:Publish on holdfast-alerts-*': sends((stage) => ({
      kind: 'sns',
      topicArn: arn(stage, 'sns', 'holdfast-alerts-acme_t'),
    })),
    'events:PutEvents on event-bus/holdfast-alerts-*': sends((stage) => ({
      kind: 'eventbridge',
      busArn: arn(stage, 'events', 'event-bus/holdfast-alerts-acme_b'),
    })),
    'kms:Decrypt on WebhookKey': sends({
      kind: 'webhook',
      url: 'https://127.0.0.1/',
      secrets: [{ sealed: 'AAAA', createdAt: 1 }],
    }),
    ...deadLetters,
  },
};

const subscribes: Story = async (stage, it) => {
  const queueUrl = await stage.world.queue('holdfast-alerts-acme_asked');
  return it.asks('putSubscription', { subscriptionId: 'main', body: { kind: 'sqs', queueUrl } });
};
/** With a dead letter that is sent again. */
const redelivers =
  (pending: (tenantId: string) => LaneEntry[] = () => [], letterIds?: string[]): Story =>
  async (stage, it) => {
    const item = await subscribed(stage, { tenantId: 'acme' });
    await lane(stage, item, pending('acme'));
    const letter = { deliveryKey: item.deliveryKey!, letterId: '1', event: event('acme', pendingMax + 1) };
    const more = { givenUpAt: 1, reason: 'r', expiresAtSec: 2_000_000_000 };
    await stage.table('deadLettersTable').put({ ...letter, ...more });
    return it.asks('redeliver', {
      subscriptionId: item.subscriptionId,
      body: letterIds ? { letterIds } : {},
    });
  };

/** The function behind the part of home’s API that is about subscriptions. */
export const subscriptionStories: Stories = {
  Subscriptions: {
    ...each(
      [
        'dynamodb:PartiQLInsert on Audit',
        'dynamodb:Query on Subscriptions',
        'dynamodb:PutItem on Subscriptions',
        'dynamodb:GetItem on SendBudgets',
        'dynamodb:UpdateItem on SendBudgets',
        'lambda:InvokeFunction on AlertDeliveryFunction',
      ],
      subscribes,
    ),
    'kms:Encrypt on WebhookKey': asks('putSubscription', {
      body: { kind: 'webhook', url: 'https://ops.example.com/' },
    }),
    ...each(
      ['dynamodb:UpdateItem on Subscriptions', 'dynamodb:GetItem on Subscriptions'],
      async (stage, it) => {
        const { subscriptionId } = await subscribed(stage, { tenantId: 'acme' });
        const body = { challenge: `hfc_${'0'.repeat(32)}` };
        return it.asks('confirmSubscription', { subscriptionId, body });
      },
    ),
    'dynamodb:Query on AlertLanes/due': async (stage, it) => {
      await subscribed(stage, { tenantId: 'acme', ...dueNow() });
      return it.asks('listSubscriptions', {});
    },
    'dynamodb:DeleteItem on Subscriptions': asks('deleteSubscription'),
    ...each(
      [
        'dynamodb:Query on DeadLetters',
        'dynamodb:DeleteItem on DeadLetters',
        'dynamodb:GetItem on AlertLanes',
        'dynamodb:PutItem on AlertLanes',
      ],
      redelivers(),
    ),
    'dynamodb:BatchGetItem on DeadLetters': redelivers(() => [], ['1']),
    'dynamodb:PutItem on DeadLetters': redelivers(full),
  },
};
