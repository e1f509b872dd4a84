import { jest } from '@jest/globals';
import { CreateTopicCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import { CreateQueueCommand, DeleteMessageCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import type { SubscriptionMessage } from '../../../core/alert-event.ts';
import type { SubscriptionItem } from '../../../core/subscriptions/model.ts';
import type { Send } from '../../../lambda/subscriptions/ports.ts';
import { alertMessage } from '../../../lambda/subscriptions/ports.ts';
import { localServicesOrigin, sender } from '../../../lambda/subscriptions/send.ts';
import { firing } from '../../admin/admin-world.ts';
import { startSqs, type TestSqs } from '../../support/sqs.ts';

let sqs: TestSqs;
let sns: SNSClient;
let send: Send;
const before = { ...process.env };
beforeAll(async () => {
  sqs = await startSqs();
  // As the local mode has it, and as AWS’s own SDK reads it.
  const credentials = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };
  Object.assign(process.env, { AWS_ENDPOINT_URL: sqs.endpoint, AWS_REGION: 'us-east-1', ...credentials });
  sns = new SNSClient({});
  const servicesOrigin = localServicesOrigin();
  const unseal = () => Promise.reject(new Error('nothing here is signed'));
  send = sender({ local: { servicesOrigin }, unseal, now: Date.now });
});
afterAll(async () => {
  process.env = before;
  sns.destroy();
  await sqs.close();
});

const to = (target: Partial<SubscriptionItem>): SubscriptionItem => ({
  ...{
    tenantId: 'acme',
    subscriptionId: 'main',
    kind: 'sqs',
    state: 'confirmed',
    challengeHash: 'h',
    createdAt: 1,
  },
  ...target,
});
const alert = (alertKey: string, seq: number): SubscriptionMessage =>
  alertMessage(firing({ alertKey, seq, eventId: `${alertKey}#1#${seq}` }).event);

async function queue(QueueName: string): Promise<string> {
  const Attributes = QueueName.endsWith('.fifo') ? { FifoQueue: 'true' } : undefined;
  const { QueueUrl = '' } = await sqs.client.send(new CreateQueueCommand({ QueueName, Attributes }));
  return `${sqs.endpoint}${new URL(QueueUrl).pathname}`;
}
/** Bodies in the order of arrival, with the group of each; a FIFO queue shows a group's next when the one before is gone. */
async function arrived(QueueUrl: string): Promise<{ body: string; group?: string }[]> {
  const ask = { QueueUrl, MaxNumberOfMessages: 10, MessageSystemAttributeNames: ['All' as const] };
  const { Messages = [] } = await sqs.client.send(new ReceiveMessageCommand(ask));
  if (Messages.length === 0) return [];
  for (const { ReceiptHandle } of Messages)
    await sqs.client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
  const found = Messages.map(({ Body = '', Attributes }) => ({
    body: Body,
    group: Attributes?.['MessageGroupId'],
  }));
  return [...found, ...(await arrived(QueueUrl))];
}

test('a FIFO queue gets each event once, in the group of its alert', async () => {
  const queueUrl = await queue('holdfast-alerts-acme.fifo');
  for (const seq of [1, 1, 2]) await send(to({ queueUrl }), alert('a', seq));
  await send(to({ queueUrl }), alert('b', 1));
  const got = await arrived(queueUrl);
  expect(
    got.map(({ body, group }) => [group, (JSON.parse(body) as { event: { seq: number } }).event.seq]),
  ).toEqual([
    ['a', 1],
    ['b', 1],
    ['a', 2],
  ]);
});

test('a queue takes whatever a gateway named', async () => {
  const queueUrl = await queue('holdfast-alerts-acme_names');
  const odd = alertMessage(firing({ component: '/\ufffe\uffff\ud800\u0000' }).event);
  await send(to({ queueUrl }), odd);
  expect((await arrived(queueUrl)).map(({ body }) => JSON.parse(body) as unknown)).toEqual([odd]);
});

test('a topic’s subscriber gets what it filters for by the attributes', async () => {
  const { TopicArn: topicArn } = await sns.send(
    new CreateTopicCommand({ Name: 'holdfast-alerts-acme_topic' }),
  );
  const queueUrl = await queue('of-topic');
  const Endpoint = 'arn:aws:sqs:us-east-1:000000000000:of-topic';
  const Attributes = { RawMessageDelivery: 'true', FilterPolicy: JSON.stringify({ severity: ['warning'] }) };
  await sns.send(new SubscribeCommand({ TopicArn: topicArn, Protocol: 'sqs', Endpoint, Attributes }));
  const target = to({ kind: 'sns', topicArn });
  await send(target, alert('a', 1));
  const warning = alertMessage(firing({ severity: 'warning', alertKey: 'b' }).event);
  await send(target, warning);
  expect((await arrived(queueUrl)).map(({ body }) => JSON.parse(body) as unknown)).toEqual([warning]);
});

test('a topic’s message about many gateways has no empty attribute, which SNS refuses', async () => {
  const published = jest.spyOn(SNSClient.prototype, 'send');
  const { TopicArn: topicArn } = await sns.send(
    new CreateTopicCommand({ Name: 'holdfast-alerts-acme_digests' }),
  );
  published.mockClear();
  await send(to({ kind: 'sns', topicArn }), alertMessage(firing({ gatewayId: '', conditionId: '' }).event));
  const [command] = published.mock.calls[0] ?? [];
  published.mockRestore();
  expect(command?.input).toMatchObject({ MessageAttributes: { severity: { StringValue: 'critical' } } });
  const { MessageAttributes } = command!.input as { MessageAttributes: object };
  expect(Object.keys(MessageAttributes)).toEqual(['type', 'severity']);
});

test('a target that is not there, and one that is another tenant’s, say so', async () => {
  const gone = to({ queueUrl: `${sqs.endpoint}/000000000000/holdfast-alerts-acme_gone` });
  await expect(send(gone, alert('a', 1))).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringMatching(/^the queue .*holdfast-alerts-acme_gone did not take a message: \w+/),
  });
  const foreign = to({ queueUrl: await queue('holdfast-alerts-other') });
  await expect(send(foreign, alert('a', 1))).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  expect(await sqs.count(foreign.queueUrl!)).toBe(0);
});
