import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import type { AlertEvent, SubscriptionMessage } from '../../../core/alert-event.ts';
import { HoldfastError } from '../../../core/errors.ts';
import { gapWaitMs, giveUpAfterMs } from '../../../core/subscriptions/lane.ts';
import type { SubscriptionItem } from '../../../core/subscriptions/model.ts';
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
import { runTurn, type TurnDeps } from '../../../lambda/subscriptions/run-turn.ts';
import { sendNow } from '../../../lambda/subscriptions/send-now.ts';
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
    lanes: world.deps.lanes,
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
    start: world.deps.start,
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
      // The tenant's to mend, and none of our errors.
      code: 'CONFLICT',
      message: expect.stringMatching(/AccessDenied/),
      hint: expect.stringMatching(/repeat `alerts subscribe`$/),
    });
    const listed = async () => (await listSubscriptions(api, named('acme'))).subscriptions[0];
    expect(await listed()).toMatchObject({
      state: 'pending',
      challengeError: { at: world.now, reason: 'the queue q did not take a message: AccessDenied' },
    });
    // It may have been taken all the same, and the answer lost.
    await confirmSubscription(api, echo(lastChallenge()));
    expect(await listed()).not.toHaveProperty('challengeError');
  });

  it('is for conditions that there are, or incidents: another one is refused, and nothing is sent', async () => {
    await expect(put('acme', { filter: { conditionIds: ['Offline', 'FsFul'] } })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: 'there is no condition FsFul',
      hint: 'did you mean FsFull?',
    });
    expect(asked).toEqual([]);
    const filter = { conditionIds: ['Offline', 'SiteIncident', 'SharedIncident'] };
    expect((await put('acme', { filter })).subscription).toMatchObject({ filter });
  });

  it('stays confirmed when it is put again as it is or with another filter', async () => {
    await confirmed();
    const filter = { severities: ['critical'] };
    expect((await put('acme', { filter })).subscription).toMatchObject({ state: 'confirmed', filter });
    expect((await put()).subscription).not.toHaveProperty('filter');
    expect(asked).toHaveLength(1);
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

describe('what waits', () => {
  const listed = async () => (await listSubscriptions(api, named('acme'))).subscriptions[0];

  it('is shown while it does, also where others go out well', async () => {
    await confirmed();
    expect(await listed()).not.toHaveProperty('waiting');
    const main = world.receiver('acme');
    main.takes = (message) => !(message.type === 'alert' && message.event.alertKey.endsWith('b'));
    const since = world.now;
    for (const seq of [1, 2]) for (const alert of ['a', 'b']) await world.route('acme', alert, seq);
    await world.minutes(10);
    expect(await listed()).toMatchObject({
      waiting: { eventCount: 2, since },
      deliveredAt: expect.any(Number),
    });
    main.takes = () => true;
    await world.minutes(15);
    expect(await listed()).not.toHaveProperty('waiting');
  });

  it('is not what is held for the events before it: that is shown with its end', async () => {
    await confirmed();
    await world.route('acme', 'a', 2);
    const heldAt = world.now;
    await world.minutes(10);
    const found = await listed();
    expect(found).toMatchObject({ held: { eventCount: 1, until: heldAt + gapWaitMs } });
    expect(found).not.toHaveProperty('waiting');
    await world.minutes(11);
    expect(world.receiver('acme').got).toHaveLength(1);
    expect(await listed()).not.toHaveProperty('held');
  });

  it('is counted in twenty lanes, and said to be more', async () => {
    await confirmed();
    world.receiver('acme').takes = () => false;
    for (let alert = 1; alert <= 25; alert++) await world.route('acme', `f${alert}`, 1);
    await world.runStarted();
    expect(await listed()).toMatchObject({ waiting: { eventCount: 20, hasMore: true } });
  });
});

describe('another target of a confirmed subscription', () => {
  const other = `${queueUrl}_2`;
  const day = 24 * 3_600_000;

  it('follows once its own challenge is echoed; until then the one before stays in use', async () => {
    await confirmed();
    const { challengeHash, ...before } = await world.subscription('acme');
    const filter = { severities: ['critical'] };
    const { subscription } = await put('acme', { queueUrl: other, filter });
    const expiresAt = world.now + day;
    expect(subscription).toMatchObject({ state: 'confirmed', queueUrl });
    expect(subscription.next).toEqual({
      kind: 'sqs',
      queueUrl: other,
      filter,
      createdAt: world.now,
      expiresAt,
    });
    expect((await listSubscriptions(api, named('acme'))).subscriptions).toEqual([subscription]);
    expect(await world.subscription('acme')).toMatchObject({ ...before, challengeHash });
    await expect(confirmSubscription(api, echo('guess'))).rejects.toMatchObject({ code: 'FORBIDDEN' });

    const after = await confirmSubscription(api, echo(lastChallenge()));
    expect(after.subscription).toMatchObject({ state: 'confirmed', queueUrl: other, filter });
    expect(after.subscription).not.toHaveProperty('next');
    // Said twice, as after an answer that was lost.
    const again = await confirmSubscription(api, echo(lastChallenge()));
    expect(again.subscription).toEqual(after.subscription);
  });

  it('has its challenge sent to it, and tests go to the one in use', async () => {
    const sent: SubscriptionItem[] = [];
    const deps = { ...world.deps, send: async (to: SubscriptionItem) => void sent.push(to) };
    api = {
      ...api,
      askDelivery: (order) => (asked.push((order as never)['message']), sendNow(deps, order as never)),
    };
    await confirmed();
    await put('acme', { queueUrl: other });
    await testSubscription(api, bare('acme'));
    expect(sent.map((to) => to.queueUrl)).toEqual([queueUrl, other, queueUrl]);
    expect(sent.every((to) => to.tenantId === 'acme' && to.subscriptionId === 'main')).toBe(true);
  });

  it('of another kind takes its address and secret with it, and leaves nothing of the one before', async () => {
    await confirmed();
    const { secret, subscription } = await put('acme', {
      kind: 'webhook',
      url: 'https://x.example.com/',
      queueUrl: undefined,
    } as never);
    expect(secret).toMatch(/^whsec_/);
    expect(subscription).not.toHaveProperty('secrets');
    expect(JSON.stringify(subscription)).not.toMatch(/sealed|challenge/);
    await confirmSubscription(api, echo(lastChallenge()));
    const item = await world.subscription('acme');
    expect(item).toMatchObject({
      kind: 'webhook',
      url: 'https://x.example.com/',
      secrets: [{ createdAt: world.now }],
    });
    expect(item).not.toHaveProperty('queueUrl');
    expect(item).not.toHaveProperty('next');
  });

  it('is dropped after a day, and when the one in use is put again', async () => {
    await confirmed();
    await put('acme', { queueUrl: other });
    world.now += day;
    const listed = async () => (await listSubscriptions(api, named('acme'))).subscriptions;
    expect(await listed()).toEqual([expect.not.objectContaining({ next: expect.anything() })]);
    await expect(confirmSubscription(api, echo(lastChallenge()))).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
    await put('acme', { queueUrl: other });
    expect(await listed()).toMatchObject([{ queueUrl, next: { queueUrl: other } }]);
    await put();
    expect(await listed()).toEqual([expect.not.objectContaining({ next: expect.anything() })]);
    await expect(confirmSubscription(api, echo(lastChallenge()))).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
    expect(await listed()).toMatchObject([{ state: 'confirmed', queueUrl }]);
  });

  it('that does not take its challenge changes nothing', async () => {
    await confirmed();
    answer = { isTaken: false, durationMs: 1, reason: 'the webhook at x did not answer in time' };
    await expect(put('acme', { queueUrl: other })).rejects.toMatchObject({
      code: 'CONFLICT',
      hint: expect.stringMatching(/until then alerts go where they went/),
    });
    expect(await world.subscription('acme')).toMatchObject({ state: 'confirmed', queueUrl });
    const [shown] = (await listSubscriptions(api, named('acme'))).subscriptions;
    expect(shown).toMatchObject({ next: { challengeError: { at: world.now } } });
    expect(shown).not.toHaveProperty('challengeError');
    answer = { isTaken: true, durationMs: 1 };
    const { subscription } = await put('acme', { queueUrl: other });
    expect(subscription.next).not.toHaveProperty('challengeError');
    answer = { isTaken: false, durationMs: 1, reason: 'its answer was lost' };
    await expect(put('acme', { queueUrl: other })).rejects.toMatchObject({ code: 'CONFLICT' });
    const taken = await confirmSubscription(api, echo(lastChallenge()));
    expect(taken.subscription).not.toHaveProperty('challengeError');
  });

  it('has what waited for the one before, in order', async () => {
    await confirmed();
    const main = world.receiver('acme');
    await world.route('acme', 'a', 1);
    await world.runStarted();
    main.takes = () => false;
    for (const seq of [2, 3]) await world.route('acme', 'a', seq);
    await world.minutes(3);
    expect(await world.subscription('acme')).toHaveProperty('failingSince');
    await put('acme', { queueUrl: other });
    await confirmSubscription(api, echo(lastChallenge()));
    expect(await world.subscription('acme')).not.toHaveProperty('failingSince');
    main.takes = () => true;
    await world.minutes(6);
    expect(orders(main.got)).toEqual({ a: [1, 2, 3] });
  });

  describe('takes over from one that takes nothing', () => {
    const key = { tenantId: 'acme', subscriptionId: 'main' };
    const alerts = ['a', 'b', 'c', 'd', 'e'];
    const all = Object.fromEntries(alerts.map((alert) => [alert, [1, 2]]));
    const until = () => ({ deadline: world.now + 40_000, leaseUntil: world.now + 50_000 });
    let got: AlertEvent[];
    /** The new target takes everything; the old one nothing, and something may happen while it is asked. */
    let whileAsked: () => Promise<void>;
    const send = async (to: SubscriptionItem, message: SubscriptionMessage): Promise<void> => {
      if (to.queueUrl === queueUrl) {
        await whileAsked();
        throw new HoldfastError('UNAVAILABLE', 'the old queue did not take a message');
      }
      if (message.type === 'alert') got.push(message.event);
    };
    const turn = (deps: Partial<TurnDeps> = {}) => runTurn({ ...world.deps, send, ...deps }, key, until());
    const switched = async (): Promise<void> => void (await confirmSubscription(api, echo(lastChallenge())));

    beforeEach(async () => {
      got = [];
      whileAsked = () => Promise.resolve();
      await confirmed();
      for (const seq of [1, 2]) for (const alert of alerts) await world.route('acme', alert, seq);
      world.started.length = 0;
      for (let minute = 0; minute < 40; minute++, world.now += 60_000) await turn();
      await put('acme', { queueUrl: other });
    });

    it('at once, also where what waits was to be tried much later', async () => {
      const lanes = await world.pending();
      expect(lanes.map(({ retryAt = 0 }) => retryAt - world.now > 60_000)).toContain(true);
      await switched();
      expect(world.started).toEqual([key]);
      await turn();
      expect(orders(got)).toEqual(all);
      expect(await world.pending()).toEqual([]);
      expect(await world.subscription('acme')).toMatchObject({ deliveredAt: world.now });
    });

    it('within the minute, where no turn could be started', async () => {
      const start = () => Promise.reject(new Error('no function is left'));
      await confirmSubscription({ ...api, start }, echo(lastChallenge()));
      expect(await world.deps.subscriptions.listDue(world.now, 10)).toEqual([key]);
    });

    it('within a turn that is at work, whose failures stay with the old one', async () => {
      world.now += 15 * 60_000;
      let isSwitched = false;
      whileAsked = async () => {
        if (!isSwitched) await switched();
        isSwitched = true;
      };
      const outcome = await turn();
      expect(isSwitched).toBe(true);
      expect(outcome).toMatchObject({ delivered: 10, failed: expect.any(Number) });
      expect(orders(got)).toEqual(all);
      const item = await world.subscription('acme');
      expect(item).toMatchObject({ queueUrl: other, deliveredAt: world.now });
      for (const mark of ['lastError', 'failures', 'failingSince', 'lease', 'openShard'])
        expect(item).not.toHaveProperty(mark);
    });

    it('at the end of a turn, which writes nothing of the old one’s on it', async () => {
      world.now += 15 * 60_000;
      const { subscriptions } = world.deps;
      let writes = 0;
      const update: typeof subscriptions.update = async (...asked) => {
        // The lease is the first write; before the second the target is switched.
        if ((writes += 1) === 2) await switched();
        return subscriptions.update(...asked);
      };
      // It takes nothing either, and has failed once, not as often as the one before.
      const vain = (): Promise<void> =>
        Promise.reject(new HoldfastError('UNAVAILABLE', 'neither took a message'));
      await turn({ subscriptions: { ...subscriptions, update }, send: vain });
      expect(await world.subscription('acme')).toMatchObject({ failures: 1, failingSince: world.now });
    });

    it('has what would have been given up for the old one, and nothing is a dead letter', async () => {
      world.now += giveUpAfterMs;
      await put('acme', { queueUrl: other });
      const { lanes } = world.deps;
      let looks = 0;
      const list: typeof lanes.list = async (...asked) => {
        const found = await lanes.list(...asked);
        if ((looks += 1) === 1) await switched();
        return found;
      };
      await turn({ lanes: { ...lanes, list } });
      expect(orders(got)).toEqual(all);
      expect(await world.deadLetters()).toEqual([]);
    });
  });

  it('is refused where somebody confirmed one in the same moment', async () => {
    await put();
    const challenge = lastChallenge();
    const confirming = async () => {
      await confirmSubscription(api, echo(challenge));
      return 'c2VhbGVk';
    };
    const body = { kind: 'webhook' as const, url: 'https://x.example.com/' };
    const ask = request('acme', { params: { subscriptionId: 'main' }, body });
    await expect(putSubscription({ ...api, seal: confirming }, ask)).rejects.toMatchObject({ code: 'BUSY' });
    expect(await world.subscription('acme')).toMatchObject({ state: 'confirmed', queueUrl });
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
