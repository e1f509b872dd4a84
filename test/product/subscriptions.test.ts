import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import {
  CreateEventBusCommand,
  EventBridgeClient,
  PutRuleCommand,
  PutTargetsCommand,
} from '@aws-sdk/client-eventbridge';
import { CreateTopicCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { sqsQueue } from '../../admin/queue.ts';
import { createApiClient, type ApiClient } from '../../cli/api-client.ts';
import { until } from '../../cli/demo/processes.ts';
import { fleetScope } from '../../core/audit/actions.ts';
import type { AlertItem } from '../../core/model.ts';
import { subscriptionMessageSchema, type SubscriptionMessage } from '../../core/alert-event.ts';
import { signatureHeaders } from '../../core/subscriptions/webhook-signature.ts';
import { alertsTable, subscriptionsTable } from '../../lambda/aws/tables.ts';
import { firingAlert } from '../support/firing-alert.ts';
import { startLocalCloud, type TestCloud } from '../support/local-cloud.ts';
import { localTables, type LocalTables } from '../support/local-tables.ts';

/**
 * Every kind of target over the real template, with real receivers: a queue, a topic whose subscriber is a queue, a bus
 * whose rule leads to a queue, and a web server that checks what signs its messages.
 */
const waitMs = 30_000;
let cloud: TestCloud;
let tables: LocalTables;
let acme: ApiClient;
let sqs: SQSClient;
let hook: Server;
/** What the web server got, and the status that it answers. */
const posted: { headers: Record<string, string>; body: string }[] = [];
let hookStatus = 204;
let secret = '';

const client = (tenantId: string): ApiClient =>
  createApiClient({
    endpoint: cloud.urls['holdfast-home']!['ApiUrl']!,
    cells: {},
    region: cloud.region,
    tenantId,
    identity: { kind: 'operator', keys: () => Promise.resolve(cloud.operatorCredentials) },
  });
const home = (): string => cloud.endpoints['holdfast-home']!;
const operated = () => ({ endpoint: home(), region: cloud.region, credentials: cloud.operatorCredentials });
const arn = (service: string, resource: string) =>
  `arn:aws:${service}:${cloud.region}:000000000000:${resource}`;

beforeAll(async () => {
  cloud = await startLocalCloud({ scheduleScale: 60, context: { loopbackWebhooks: 'allowed' } });
  tables = localTables(cloud);
  acme = client('acme');
  // An operator of one machine may make all of this: nothing here needs root.
  sqs = new SQSClient(operated());
  hook = createServer((request, response) => {
    void text(request).then((body) => {
      posted.push({ headers: request.headers as Record<string, string>, body });
      response.writeHead(hookStatus).end();
    });
  });
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
}, 120_000);
afterAll(async () => {
  hook?.closeAllConnections();
  hook?.close();
  sqs?.destroy();
  tables?.close();
  await cloud?.stop();
});

/** Looks into a queue; resolves with everything that has arrived in it so far. */
type Inbox = () => Promise<SubscriptionMessage[]>;

async function queue(name: string, unwrap: (body: unknown) => unknown = (body) => body) {
  const made = await sqs.send(new CreateQueueCommand({ QueueName: name }));
  const queueUrl = new URL(new URL(made.QueueUrl ?? '').pathname, home()).href;
  const source = sqsQueue(sqs, queueUrl, { waitSec: 1 });
  const arrived: SubscriptionMessage[] = [];
  const inbox: Inbox = async () => {
    for (const { body, receipt } of await source.receive(AbortSignal.timeout(waitMs))) {
      arrived.push(subscriptionMessageSchema.parse(unwrap(JSON.parse(body))));
      await source.remove(receipt);
    }
    return arrived;
  };
  return { queueUrl, inbox };
}

async function topic() {
  const sns = new SNSClient(operated());
  const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: 'holdfast-alerts-acme_topic' }));
  const { inbox } = await queue('holdfast-alerts-acme_of-topic', (body) =>
    JSON.parse((body as { Message: string }).Message),
  );
  const Endpoint = arn('sqs', 'holdfast-alerts-acme_of-topic');
  await sns.send(new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint }));
  sns.destroy();
  return { topicArn: TopicArn!, inbox };
}

async function bus() {
  const events = new EventBridgeClient(operated());
  const Name = 'holdfast-alerts-acme_bus';
  const { EventBusArn } = await events.send(new CreateEventBusCommand({ Name }));
  const { inbox } = await queue(
    'holdfast-alerts-acme_of-bus',
    (body) => (body as { detail: unknown }).detail,
  );
  const EventPattern = JSON.stringify({
    source: ['holdfast'],
    'detail-type': ['Holdfast Subscription Challenge', 'Holdfast Alert Firing', 'Holdfast Alert Resolved'],
  });
  await events.send(new PutRuleCommand({ Name: 'all', EventBusName: Name, EventPattern }));
  const Targets = [{ Id: 'queue', Arn: arn('sqs', 'holdfast-alerts-acme_of-bus') }];
  await events.send(new PutTargetsCommand({ Rule: 'all', EventBusName: Name, Targets }));
  events.destroy();
  return { busArn: EventBusArn!, inbox };
}

const fromHook: Inbox = () =>
  Promise.resolve(posted.map(({ body }) => subscriptionMessageSchema.parse(JSON.parse(body))));

async function subscribe(subscriptionId: string, target: object, inbox: Inbox, by = acme): Promise<void> {
  const params = { subscriptionId };
  const put = await by.call('putSubscription', { params, body: target as never });
  expect(put.subscription.state).toBe('pending');
  secret ||= put.secret ?? '';
  const challenge = await until(`the challenge of ${subscriptionId}`, waitMs, async () => {
    const found = (await inbox()).find((message) => message.type === 'challenge');
    return found?.challenge;
  });
  const { subscription } = await by.call('confirmSubscription', { params, body: { challenge } });
  expect(subscription.state).toBe('confirmed');
}

/** An alert whose event the status proxy still has to emit. */
async function emit(
  name: string,
  type: 'firing' | 'resolved' = 'firing',
  seq = 1,
  more: Partial<AlertItem> = {},
): Promise<string> {
  const item = { ...firingAlert({ tenantId: 'acme', gatewayId: `gw-${name}`, summary: name }), ...more };
  item.seq = seq;
  item.version = seq * 100;
  item.outbox = [{ eventId: `${item.alertKey}#1#${seq}`, type, at: Date.now() }];
  await alertsTable(tables.named('Alerts'), tables.client).put(item);
  return item.alertKey;
}

const arrival = (inbox: Inbox, alertKey: string, seqs: number[]): Promise<true> =>
  until(`the events ${seqs.join(', ')} of the alert`, waitMs, async () => {
    const got = (await inbox()).flatMap((message) =>
      message.type === 'alert' && message.event.alertKey === alertKey ? [message.event.seq] : [],
    );
    return JSON.stringify([...new Set(got)]) === JSON.stringify(seqs) ? true : undefined;
  });

/** As a receiver checks it, by Standard Webhooks’ rules. */
function expectSigned({ headers, body }: (typeof posted)[number]): void {
  const id = headers['webhook-id']!;
  const timestampSec = Number(headers['webhook-timestamp']);
  expect(Math.abs(Date.now() / 1000 - timestampSec)).toBeLessThan(300);
  const expected = signatureHeaders({ id, timestampSec, body }, [secret])['webhook-signature'];
  expect(headers['webhook-signature']!.split(' ')).toContain(expected);
}

it('an alert comes to a queue, a topic, a bus and a webhook, each once its challenge was echoed', async () => {
  const [direct, ofTopic, ofBus] = await Promise.all([queue('holdfast-alerts-acme'), topic(), bus()]);
  const url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/hook`;
  await subscribe('queue', { kind: 'sqs', queueUrl: direct.queueUrl }, direct.inbox);
  await subscribe('topic', { kind: 'sns', topicArn: ofTopic.topicArn }, ofTopic.inbox);
  await subscribe('bus', { kind: 'eventbridge', busArn: ofBus.busArn }, ofBus.inbox);
  await subscribe('hook', { kind: 'webhook', url }, fromHook);
  posted.forEach(expectSigned);

  const alertKey = await emit('one');
  for (const inbox of [direct.inbox, ofTopic.inbox, ofBus.inbox, fromHook])
    await arrival(inbox, alertKey, [1]);
  posted.forEach(expectSigned);

  // Both secrets sign; what is sealed for one subscription opens nowhere else.
  const { secret: fresh } = await acme.call('rotateSecret', { params: { subscriptionId: 'hook' }, body: {} });
  const test = await acme.call('testSubscription', { params: { subscriptionId: 'hook' }, body: {} });
  expect(test).toMatchObject({ isTaken: true });
  expectSigned(posted.at(-1)!);
  const before = secret;
  secret = fresh;
  expectSigned(posted.at(-1)!);
  const items = subscriptionsTable(tables.named('Subscriptions'), tables.client);
  const stolen = (await items.get({ tenantId: 'acme', subscriptionId: 'hook' }))!;
  await items.put({ ...stolen, tenantId: 'thief' });
  const count = posted.length;
  const inVain = await client('thief').call('testSubscription', {
    params: { subscriptionId: 'hook' },
    body: {},
  });
  expect(inVain).toMatchObject({
    isTaken: false,
    reason: expect.stringMatching(/secret is not one of this/),
  });
  expect(posted).toHaveLength(count);
  const everything = JSON.stringify([cloud.logs, stolen]);
  for (const text of [before, fresh]) expect(everything).not.toContain(text.slice('whsec_'.length));
}, 120_000);

it('a webhook that is down has its alerts once it is back, in order, and a test says what is wrong with it', async () => {
  hookStatus = 503;
  const alertKey = await emit('two');
  await until('the mark of the subscription', waitMs, async () => {
    const { subscriptions } = await acme.call('listSubscriptions');
    return subscriptions.find(({ subscriptionId }) => subscriptionId === 'hook')?.failingSince;
  });
  const params = { subscriptionId: 'hook' };
  const test = await acme.call('testSubscription', { params, body: {} });
  expect(test).toMatchObject({ isTaken: false, reason: 'the webhook at 127.0.0.1 answered 503' });
  await emit('two', 'resolved', 2);
  posted.length = 0;
  hookStatus = 204;
  await arrival(fromHook, alertKey, [1, 2]);
  const { deadLetters } = await acme.call('listDeadLetters', { params });
  expect(deadLetters).toEqual([]);
}, 120_000);

it('the provider’s own alerts are for operators: told, acknowledged and silenced as a tenant’s are', async () => {
  const provider = client(fleetScope);
  const { namePrefix } = await provider.call('listSubscriptions');
  const { queueUrl, inbox } = await queue(namePrefix);
  await subscribe('ours', { kind: 'sqs', queueUrl }, inbox, provider);
  const ofProvider = { tenantId: fleetScope, gatewayId: '', conditionId: 'Pattern' };
  const alertKey = await emit('all', 'firing', 1, ofProvider);
  await arrival(inbox, alertKey, [1]);

  const params = { alertKey };
  await expect(acme.call('getAlert', { params })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  const acked = await provider.call('ackAlert', { params, body: { why: 'the carrier knows' } });
  expect(acked.alert).toMatchObject({ state: 'ACKED', ackedWhy: 'the carrier knows' });
  expect((await provider.call('unackAlert', { params, body: {} })).alert.state).toBe('FIRING');
  expect((await provider.call('listAlerts')).alerts).toMatchObject([{ alertKey, state: 'FIRING' }]);
  const body = { conditionId: 'Pattern', why: 'known', forMs: 3_600_000 };
  const { silence } = await provider.call('createSilence', { body });
  await expect(acme.call('createSilence', { body })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  expect((await acme.call('listSilences')).silences).toEqual([]);
  await provider.call('endSilence', { params: { silenceId: silence.silenceId } });

  const { entries } = await acme.operator<{ entries: { action: string; details?: object }[] }>('/audit');
  expect(entries.map(({ action }) => action)).toEqual([
    ...['silence.end', 'silence.create', 'alert.unack', 'alert.ack'],
    ...['subscription.confirm', 'subscription.put'],
  ]);
  // What is a tenant's alone, nobody has as the provider.
  await expect(provider.call('listGateways')).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  const token = provider.call('createToken', { body: { role: 'tenant-admin' } });
  await expect(token).rejects.toMatchObject({ code: 'INVALID_INPUT' });
}, 120_000);
