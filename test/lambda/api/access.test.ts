import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { bearerToken, isUsable } from '../../../core/identity/access-tokens.ts';
import { secretHash } from '../../../core/identity/secrets.ts';
import { parseQueueUrl } from '../../../core/identity/subscriptions.ts';
import {
  confirmSubscription,
  deleteSubscription,
  listSubscriptions,
  putSubscription,
} from '../../../lambda/api/subscriptions.ts';
import { createToken, deleteToken, listTokens } from '../../../lambda/api/tokens.ts';
import { startDynamo, type TestDynamo } from '../../support/dynamo.ts';
import { apiFixture, request, type ApiFixture } from './api-fixture.ts';

let dynamo: TestDynamo;
let api: ApiFixture;
beforeAll(async () => {
  dynamo = await startDynamo();
});
afterAll(() => dynamo.close());
beforeEach(async () => {
  api = await apiFixture(dynamo);
});

describe('a token', () => {
  const create = (tenantId = 'acme', ttlMs?: number) =>
    createToken(api, request(tenantId, { body: { role: 'tenant-read' as const, ttlMs } }));

  it('is shown once and stored as a hash only', async () => {
    const { token, tokenId } = await create();
    const { tokens } = await listTokens(api, request('acme'));
    expect(tokens).toEqual([expect.objectContaining({ tokenId, role: 'tenant-read' })]);
    expect(JSON.stringify(tokens)).not.toMatch(new RegExp(`${token}|${secretHash(token)}`));
    for await (const item of api.tokens.scan()) expect(JSON.stringify(item)).not.toContain(token.slice(4));
  });

  it('is found by the header that carries it until its time is over', async () => {
    const { token, expiresAt } = await create('acme', 60_000);
    const item = await api.tokens.get({ tokenHash: secretHash(bearerToken(`Bearer ${token}`) ?? '') });
    expect(item).toMatchObject({ tenantId: 'acme' });
    expect(isUsable(item, expiresAt - 1)).toBe(true);
    expect(isUsable(item, expiresAt)).toBe(false);
    expect(isUsable(undefined, 0)).toBe(false);
  });

  it.each([undefined, '', 'Bearer', 'Basic abc', 'Bearer hft_zz', `Bearer hft_${'0'.repeat(63)}`])(
    'is not taken for one when the header is %j',
    (header) => expect(bearerToken(header)).toBeUndefined(),
  );

  it('ends when its tenant deletes it, and only then', async () => {
    const { token, tokenId } = await create();
    const params = { tokenId };
    await expect(deleteToken(api, request('other', { params }))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await api.tokens.get({ tokenHash: secretHash(token) })).toBeDefined();
    await deleteToken(api, request('acme', { params }));
    expect(await api.tokens.get({ tokenHash: secretHash(token) })).toBeUndefined();
  });
});

const queueUrl = 'https://sqs.eu-central-1.amazonaws.com/123456789012/holdfast-alerts-acme';
const subscription = (tenantId = 'acme', given: { queueUrl?: string; subscriptionId?: string } = {}) =>
  request(tenantId, {
    params: { subscriptionId: given.subscriptionId ?? 'main' },
    body: { kind: 'sqs' as const, queueUrl: given.queueUrl ?? queueUrl },
  });
const named = (tenantId: string) => request(tenantId, { params: { subscriptionId: 'main' } });
const echo = (challenge: string, tenantId = 'acme') =>
  request(tenantId, { params: { subscriptionId: 'main' }, body: { challenge } });

function lastChallenge(): string {
  const message = api.sent.at(-1)?.message;
  if (message?.type !== 'challenge') throw new Error('no challenge was sent');
  return message.challenge;
}

describe('a subscription', () => {
  it('is pending until the tenant echoes what was sent to the queue', async () => {
    const { subscription: made } = await putSubscription(api, subscription());
    expect(made).toMatchObject({ state: 'pending', queueUrl });
    expect(JSON.stringify(made)).not.toContain('challenge');
    expect(api.sent).toEqual([
      {
        queueUrl,
        message: expect.objectContaining({ type: 'challenge', tenantId: 'acme', subscriptionId: 'main' }),
      },
    ]);
    const confirmed = await confirmSubscription(api, echo(lastChallenge()));
    expect(confirmed.subscription.state).toBe('confirmed');
    expect((await listSubscriptions(api, request('acme'))).subscriptions).toEqual([confirmed.subscription]);
  });

  it('is not confirmed by another text, by an older challenge or by another tenant', async () => {
    await putSubscription(api, subscription());
    const older = lastChallenge();
    await putSubscription(api, subscription());
    for (const challenge of ['guess', older])
      await expect(confirmSubscription(api, echo(challenge))).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(confirmSubscription(api, echo(lastChallenge(), 'other'))).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    const { subscriptions } = await listSubscriptions(api, request('acme'));
    expect(subscriptions).toMatchObject([{ state: 'pending' }]);
  });

  it('stays confirmed when it is put again as it is, and starts again for another queue', async () => {
    await putSubscription(api, subscription());
    await confirmSubscription(api, echo(lastChallenge()));
    expect((await putSubscription(api, subscription())).subscription.state).toBe('confirmed');
    expect(api.sent).toHaveLength(1);
    const moved = await putSubscription(api, subscription('acme', { queueUrl: `${queueUrl}-2` }));
    expect(moved.subscription).toMatchObject({ state: 'pending', queueUrl: `${queueUrl}-2` });
    expect(api.sent).toHaveLength(2);
  });

  it('is deleted by its own tenant alone', async () => {
    await putSubscription(api, subscription());
    await expect(deleteSubscription(api, named('other'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await deleteSubscription(api, named('acme'));
    expect((await listSubscriptions(api, request('acme'))).subscriptions).toEqual([]);
  });

  it('is one of ten at most', async () => {
    for (let i = 0; i < 10; i++)
      await putSubscription(api, subscription('acme', { subscriptionId: `s${i}` }));
    await expect(
      putSubscription(api, subscription('acme', { subscriptionId: 'one-more' })),
    ).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    await expect(putSubscription(api, subscription('acme', { subscriptionId: 's3' }))).resolves.toBeDefined();
  });

  it('has a plain name', async () => {
    await expect(
      putSubscription(api, subscription('acme', { subscriptionId: '../x' })),
    ).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    });
  });
});

describe('a queue’s URL', () => {
  it.each([
    'not a url',
    'http://sqs.eu-central-1.amazonaws.com/123456789012/holdfast-alerts-a',
    'https://sqs.eu-central-1.amazonaws.com.evil.example/123456789012/holdfast-alerts-a',
    'https://evil.example/123456789012/holdfast-alerts-a',
    'https://sqs.eu-central-1.amazonaws.com:444/123456789012/holdfast-alerts-a',
    'https://user:word@sqs.eu-central-1.amazonaws.com/123456789012/holdfast-alerts-a',
    'https://sqs.eu-central-1.amazonaws.com/123456789012/holdfast-alerts-a?x=1',
    'https://sqs.eu-central-1.amazonaws.com/123456789012/payroll',
    'https://sqs.eu-central-1.amazonaws.com/123456789012/holdfast-alerts-a.fifo',
    'https://sqs.eu-central-1.amazonaws.com/123456789012/holdfast-alerts-a/..',
    'http://169.254.169.254/123456789012/holdfast-alerts-a',
    'http://127.0.0.1:9999/123456789012/holdfast-alerts-a',
  ])('is refused: %s', (url) => {
    expect(() => parseQueueUrl(url, 'http://127.0.0.1:4566')).toThrow(/^queueUrl: /);
  });

  it('is SQS’s own, or that of the one SQS on this machine', () => {
    expect(parseQueueUrl(queueUrl, undefined)).toEqual({
      name: 'holdfast-alerts-acme',
      region: 'eu-central-1',
    });
    const local = 'http://127.0.0.1:4566/000000000000/holdfast-alerts-a';
    expect(parseQueueUrl(local, 'http://127.0.0.1:4566')).toEqual({
      name: 'holdfast-alerts-a',
      region: undefined,
    });
  });
});
