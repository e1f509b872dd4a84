import { randomBytes } from 'node:crypto';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { sqsQueue } from '../../admin/queue.ts';
import { createApiClient, type ApiClient } from '../../cli/api-client.ts';
import { until } from '../../cli/demo/processes.ts';
import {
  subscriptionMessageSchema,
  type AlertEvent,
  type SubscriptionMessage,
} from '../../core/alert-event.ts';
import type { CommandKind } from '../../core/command-kinds.ts';
import { AgentProcess } from '../agent/agent-process.ts';
import { runCli } from '../agent/cli-runner.ts';
import { temporaryDirectory } from '../agent/temporary-directory.ts';
import { startLocalCloud, type TestCloud } from '../support/local-cloud.ts';

/**
 * The whole way of an alert over the real template: the agent's status, the status proxy, the bus, its rule, the
 * router, the tenant's queue. A variable, a grant or a pattern on it that is wrong stops the message.
 */
let cloud: TestCloud;
let sqs: SQSClient;
let tenant: ApiClient;
let agent: AgentProcess;
let gatewayId: string;
let image: string;

const waitMs = 30_000;

beforeAll(async () => {
  // A rate of a minute becomes one of a second.
  // What one gateway may tell out of turn are five changes and one more a minute: the sixth waits for a heartbeat.
  cloud = await startLocalCloud({ scheduleScale: 60, context: { heartbeatIntervalMs: 5_000 } });
  const { region, endpoints, rootCredentials } = cloud;
  sqs = new SQSClient({ endpoint: endpoints['holdfast-home'], region, credentials: rootCredentials });
  const client = (identity: Parameters<typeof createApiClient>[0]['identity']) =>
    createApiClient({ endpoint: home(), cells: {}, region, tenantId: 'acme', identity });
  const operator = client({ kind: 'operator', keys: () => Promise.resolve(cloud.operatorCredentials) });
  const { token } = await operator.call('createToken', { body: { role: 'tenant-admin' } });
  tenant = client({ kind: 'tenant', token });
  await startGateway();
}, 120_000);
afterAll(async () => {
  await agent?.kill('SIGTERM');
  sqs?.destroy();
  await cloud?.stop();
});

const home = (): string => cloud.urls['holdfast-home']?.['ApiUrl'] ?? '';

/** A real agent with one volume that has a snapshot. */
async function startGateway(): Promise<void> {
  const dir = temporaryDirectory();
  const state = join(dir, 's');
  image = join(dir, 'vol1.img');
  writeFileSync(image, randomBytes(2 * 1024 * 1024));
  const { code } = await tenant.call('createActivationCode', { body: {} });
  const args = ['activate', '--server', home(), '--state-dir', state, '--json'];
  const activated = await runCli(args, { stdin: code });
  ({ gatewayId } = JSON.parse(activated.stdout) as { gatewayId: string });
  agent = new AgentProcess(state, ['--check-interval', '1s']);
  await agent.until('link.up');
  await send('volume.create', { volumeId: 'vol1', path: image });
  await send('snapshot.create', { volumeId: 'vol1' });
}

async function send(kind: CommandKind, params: Record<string, string>): Promise<void> {
  const { command } = await tenant.call('submitCommand', { params: { gatewayId }, body: { kind, params } });
  const { commandId } = command;
  await until(`the success of ${kind}`, waitMs, async () => {
    const now = (await tenant.call('getCommand', { params: { gatewayId, commandId } })).command;
    return now.state === 'SUCCEEDED' ? now : undefined;
  });
}

/** Looks into a queue; resolves with everything that has arrived in it so far. */
type Inbox = () => Promise<SubscriptionMessage[]>;

/** A queue of the tenant's own and its subscription, which waits to be confirmed. */
async function subscribe(subscriptionId: string): Promise<Inbox> {
  const made = await sqs.send(
    new CreateQueueCommand({ QueueName: `holdfast-alerts-acme_${subscriptionId}` }),
  );
  // A queue made at run time is named by the emulator's own default address.
  const queueUrl = new URL(new URL(made.QueueUrl ?? '').pathname, cloud.endpoints['holdfast-home']).href;
  const body = { kind: 'sqs', queueUrl };
  const put = await tenant.call('putSubscription', { params: { subscriptionId }, body });
  expect(put.subscription.state).toBe('pending');
  const queue = sqsQueue(sqs, queueUrl, { waitSec: 1 });
  const arrived: SubscriptionMessage[] = [];
  return async () => {
    for (const message of await queue.receive(AbortSignal.timeout(waitMs))) {
      arrived.push(subscriptionMessageSchema.parse(JSON.parse(message.body)));
      await queue.remove(message.receipt);
    }
    return arrived;
  };
}

const challengeIn = (inbox: Inbox): Promise<string> =>
  until('the challenge', waitMs, async () => {
    const found = (await inbox()).find((message) => message.type === 'challenge');
    return found?.challenge;
  });
const alertIn = (inbox: Inbox, type: AlertEvent['type']): Promise<AlertEvent> =>
  until(`the ${type} alert`, waitMs, async () =>
    (await inbox())
      .flatMap((message) => (message.type === 'alert' ? [message.event] : []))
      .find((event) => event.type === type),
  );

it('a lost volume’s alert arrives in the tenant’s confirmed queue, and its resolve when the volume is well', async () => {
  const inbox = await subscribe('acme');
  const unconfirmed = await subscribe('acme-unconfirmed');
  const challenge = await challengeIn(inbox);
  const params = { subscriptionId: 'acme' };
  const confirmed = await tenant.call('confirmSubscription', { params, body: { challenge } });
  expect(confirmed.subscription.state).toBe('confirmed');

  truncateSync(image, 4_096);
  const firing = await alertIn(inbox, 'firing');
  expect(firing).toMatchObject({
    type: 'firing',
    tenantId: 'acme',
    gatewayId,
    conditionId: 'VolumeIrrecoverable',
    component: 'vol1',
    severity: 'critical',
    suggested: { kind: 'restore.start', params: { volumeId: 'vol1' } },
  });
  const { alertKey } = firing;
  const stateOf = async () => (await tenant.call('getAlert', { params: { alertKey } })).alert.state;
  expect(await stateOf()).toBe('FIRING');

  await send('restore.start', { volumeId: 'vol1' });
  const resolved = await alertIn(inbox, 'resolved');
  expect(resolved).toMatchObject({ type: 'resolved', alertKey, episode: firing.episode, seq: 2 });
  expect(await stateOf()).toBe('RESOLVED');
  expect((await unconfirmed()).map(({ type }) => type)).toEqual(['challenge']);
}, 120_000);
