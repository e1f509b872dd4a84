import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import type { SubscriptionMessage } from '../../../core/alert-event.ts';
import type { Target } from '../../../core/subscriptions/targets.ts';
import { listDeadLetters, redeliver } from '../../../lambda/subscriptions/dead-letters.ts';
import {
  confirmSubscription,
  deleteSubscription,
  listSubscriptions,
  putSubscription,
  rotateSecret,
  testSubscription,
  type ManageDeps,
} from '../../../lambda/subscriptions/manage.ts';
import { request } from '../api/api-fixture.ts';
import { startDynamo, type TestDynamo } from '../../support/dynamo.ts';
import { DeliveryWorld, orders } from './delivery-world.ts';

let dynamo: TestDynamo;
let world: DeliveryWorld;
let api: ManageDeps;
/** What was handed to the function that sends, in order, and what it answers. */
let asked: SubscriptionMessage[];
let answer: object;
beforeAll(async () => {
  dynamo = await startDynamo();
});
afterAll(() => dynamo.close());
beforeEach(async () => {
  world = await DeliveryWorld.open(dynamo);
  asked = [];
  answer = { isTaken: true, durationMs: 7 };
  api = {
    subscriptionItems: world.tables.subscriptions,
    budgets: world.tables.budgets,
    askDelivery: (order) => {
      asked.push((order as { message: SubscriptionMessage }).message);
      return Promise.resolve(answer);
    },
    local: {},
    seal: (secret, { tenantId, subscriptionId }) =>
      Promise.resolve(
        Buffer.from(`${tenantId}/${subscriptionId}/${secret.split('').reverse().join('')}`).toString(
          'base64',
        ),
      ),
    random: randomBytes,
    clock: world.deps.clock,
  };
});

const queueUrl = 'https://sqs.eu-central-1.amazonaws.com/123456789012/holdfast-alerts-acme';
const ofTenant = (tenantId: string) => queueUrl.replace('acme', tenantId);
const put = (
  tenantId = 'acme',
  { subscriptionId = 'main', ...target }: Partial<Target> & { subscriptionId?: string; filter?: object } = {},
) => {
  const body = { kind: 'sqs' as const, queueUrl: ofTenant(tenantId), ...target } as never;
  return putSubscription(api, request(tenantId, { params: { subscriptionId }, body }));
};
const putHook = (more: object = {}) =>
  putSubscription(
    api,
    request('acme', {
      params: { subscriptionId: 'hook' },
      body: { kind: 'webhook' as const, url: 'https://ops.example.com/hook', ...more },
    }),
  );
const named = (tenantId: string, subscriptionId = 'main') =>
  request(tenantId, { params: { subscriptionId } });
/** Of a route that takes a body without a field. */
const bare = (tenantId: string, subscriptionId = 'main') =>
  request(tenantId, { params: { subscriptionId }, body: {} });
const echo = (challenge: string, tenantId = 'acme', subscriptionId = 'main') =>
  request(tenantId, { params: { subscriptionId }, body: { challenge } });

function lastChallenge(): string {
  const message = asked.at(-1);
  if (message?.type !== 'challenge') throw new Error('no challenge was sent');
  return message.challenge;
}
const confirmed = async (tenantId = 'acme') => {
  await put(tenantId);
  await confirmSubscription(api, echo(lastChallenge(), tenantId));
};

describe('a subscription', () => {
  it('is pending until the tenant echoes what was sent to its target', async () => {
    const { subscription: made, secret } = await put();
    expect(made).toMatchObject({ state: 'pending', queueUrl });
    expect(secret).toBeUndefined();
    expect(JSON.stringify(made)).not.toMatch(/challenge|deliveryKey|acme\/main/);
    expect(asked).toEqual([
      expect.objectContaining({ type: 'challenge', tenantId: 'acme', subscriptionId: 'main' }),
    ]);
    const { subscription } = await confirmSubscription(api, echo(lastChallenge()));
    expect(subscription.state).toBe('confirmed');
    expect(await listSubscriptions(api, named('acme'))).toEqual({
      subscriptions: [subscription],
      namePrefix: 'holdfast-alerts-acme',
    });
  });

  it('is not confirmed by another text, by an older challenge or by another tenant', async () => {
    await put();
    const older = lastChallenge();
    await put();
    for (const challenge of ['guess', older])
      await expect(confirmSubscription(api, echo(challenge))).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(confirmSubscription(api, echo(lastChallenge(), 'other'))).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    expect((await listSubscriptions(api, named('acme'))).subscriptions).toMatchObject([{ state: 'pending' }]);
  });

  it('sends nothing to what is another tenant’s', async () => {
    await expect(put('acme', { queueUrl: ofTenant('other') })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    });
    await expect(put('acme', { queueUrl: ofTenant('acme-eu') })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    });
    expect(asked).toEqual([]);
  });

  it('has thirty challenges and tests sent in an hour for its tenant, whatever it is called', async () => {
    for (let i = 0; i < 30; i++) {
      await put('acme', { subscriptionId: `s${i}` });
      await deleteSubscription(api, named('acme', `s${i}`));
    }
    await expect(put()).rejects.toMatchObject({ code: 'THROTTLED', hint: expect.stringMatching(/60 min/) });
    expect(asked).toHaveLength(30);
    await expect(put('other')).resolves.toBeDefined();
    world.now += 3_600_000;
    await expect(put()).resolves.toBeDefined();
  });

  it('says why its target did not take the challenge', async () => {
    answer = { isTaken: false, durationMs: 1, reason: 'the queue q did not take a message: AccessDenied' };
    await expect(put()).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringMatching(/AccessDenied/),
    });
  });

  it('stays confirmed when it is put again as it is or with another filter, and starts again for another target', async () => {
    await confirmed();
    const filter = { severities: ['critical'] };
    expect((await put('acme', { filter })).subscription).toMatchObject({ state: 'confirmed', filter });
    expect((await put()).subscription).not.toHaveProperty('filter');
    expect(asked).toHaveLength(1);
    const before = await world.subscription('acme');
    const moved = await put('acme', { queueUrl: `${queueUrl}_2` });
    expect(moved.subscription).toMatchObject({ state: 'pending', queueUrl: `${queueUrl}_2` });
    expect(asked).toHaveLength(2);
    expect((await world.subscription('acme')).deliveryKey).not.toBe(before.deliveryKey);
  });

  it('is deleted by its own tenant alone', async () => {
    await put();
    await expect(deleteSubscription(api, named('other'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await deleteSubscription(api, named('acme'));
    expect((await listSubscriptions(api, named('acme'))).subscriptions).toEqual([]);
  });

  it('is one of ten at most, with a plain name', async () => {
    for (let i = 0; i < 10; i++) await put('acme', { subscriptionId: `s${i}` });
    await expect(put('acme', { subscriptionId: 'one-more' })).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(put('acme', { subscriptionId: 's3' })).resolves.toBeDefined();
    await expect(put('acme', { subscriptionId: '../x' })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });

  it('is tested once it is confirmed', async () => {
    await put();
    await expect(testSubscription(api, bare('acme'))).rejects.toMatchObject({ code: 'CONFLICT' });
    await confirmSubscription(api, echo(lastChallenge()));
    expect(await testSubscription(api, bare('acme'))).toEqual({ isTaken: true, durationMs: 7 });
    expect(asked.at(-1)).toMatchObject({ type: 'test', tenantId: 'acme', subscriptionId: 'main' });
    await expect(testSubscription(api, bare('other'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('a webhook’s secret', () => {
  it('is shown once and stored sealed for its subscription alone', async () => {
    const { subscription, secret = '' } = await putHook();
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(subscription.secrets).toEqual([{ createdAt: world.now }]);
    const item = await world.subscription('acme', 'hook');
    expect(JSON.stringify(item)).not.toContain(secret.slice(6));
    const sealed = Buffer.from(item.secrets![0]!.sealed, 'base64').toString();
    expect(sealed).toBe(`acme/hook/${secret.split('').reverse().join('')}`);
    const listed = await listSubscriptions(api, named('acme'));
    expect(JSON.stringify(listed)).not.toMatch(/whsec|sealed/);
  });

  it('is replaced by another, which signs beside it for a day', async () => {
    await putHook();
    world.now += 1_000;
    const { subscription, secret } = await rotateSecret(api, bare('acme', 'hook'));
    expect(secret).toMatch(/^whsec_/);
    expect(subscription.secrets).toEqual([
      { createdAt: world.now },
      { createdAt: world.now - 1_000, endsAt: world.now + 24 * 3_600_000 },
    ]);
    const again = await rotateSecret(api, bare('acme', 'hook'));
    expect(again.subscription.secrets).toHaveLength(2);
    expect(again.secret).not.toBe(secret);
  });

  it('is not for what is no webhook', async () => {
    await put();
    await expect(rotateSecret(api, bare('acme'))).rejects.toMatchObject({ code: 'CONFLICT' });
  });
});

describe('dead letters', () => {
  const letterDeps = () => {
    const { log: _log, ...deps } = world.deps;
    return { ...deps, subscriptionItems: world.tables.subscriptions, letterItems: world.tables.letters };
  };
  /** Two events of each of two alerts that were given up, and one more that was delivered since. */
  async function givenUp() {
    const main = await world.subscribed('acme');
    main.takes = () => false;
    for (const seq of [1, 2]) for (const alert of ['a', 'b']) await world.route('acme', alert, seq);
    await world.minutes(2);
    world.now += 73 * 3_600_000;
    await world.minutes(20);
    main.takes = () => true;
    await world.route('acme', 'a', 3);
    await world.minutes(1);
    expect(orders(main.got)).toEqual({ a: [3] });
    return main;
  }

  it('are listed, and go out again in order of each alert when somebody asks for it', async () => {
    const main = await givenUp();
    const { deadLetters, next } = await listDeadLetters(letterDeps(), named('acme'));
    expect(next).toBeUndefined();
    expect(deadLetters.map(({ event }) => event.seq)).toEqual([1, 2, 1, 2]);
    expect(deadLetters[0]?.reason).toMatch(/503/);
    expect(await world.subscription('acme')).toHaveProperty('givenUpAt');
    expect(await redeliver(letterDeps(), bare('acme'))).toEqual({ redelivered: 4, hasMore: false });
    await world.runStarted();
    expect(orders(main.got)).toEqual({ a: [3, 1, 2], b: [1, 2] });
    expect(await world.deadLetters()).toEqual([]);
    expect(await world.subscription('acme')).not.toHaveProperty('givenUpAt');
  });

  it('go out one by one as they are named; nobody else’s can be named', async () => {
    const main = await givenUp();
    const [first] = (await listDeadLetters(letterDeps(), named('acme'))).deadLetters;
    const one = request('acme', {
      params: { subscriptionId: 'main' },
      body: { letterIds: [first!.letterId] },
    });
    expect(await redeliver(letterDeps(), one)).toEqual({ redelivered: 1, hasMore: true });
    await world.runStarted();
    expect(main.got).toHaveLength(2);
    await world.subscribed('other');
    const foreign = request('other', {
      params: { subscriptionId: 'main' },
      body: { letterIds: [first!.letterId] },
    });
    expect(await redeliver(letterDeps(), foreign)).toEqual({ redelivered: 0, hasMore: false });
    await expect(listDeadLetters(letterDeps(), named('nobody'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const odd = request('acme', { params: { subscriptionId: 'main' }, query: { next: 'x' } });
    await expect(listDeadLetters(letterDeps(), odd)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });
});
