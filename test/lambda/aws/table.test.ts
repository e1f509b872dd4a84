import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { BatchGetCommand, DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { TokenItem } from '../../../core/model.ts';
import type { SubscriptionItem } from '../../../core/subscriptions/model.ts';
import { Table } from '../../../lambda/aws/table.ts';
import { subscriptionsTable, tokensTable } from '../../../lambda/aws/tables.ts';
import { countUsage } from '../../../lambda/aws/usage.ts';
import { startDynamo, type TestDynamo } from '../../support/dynamo.ts';

let dynamo: TestDynamo;
let tokens: ReturnType<typeof tokensTable>;
let subscriptions: ReturnType<typeof subscriptionsTable>;
beforeAll(async () => {
  dynamo = await startDynamo();
});
afterAll(() => dynamo.close());
beforeEach(async () => {
  const names = await dynamo.createTables();
  tokens = tokensTable(names.TOKENS_TABLE, dynamo.client);
  subscriptions = subscriptionsTable(names.SUBSCRIPTIONS_TABLE, dynamo.client);
});

const token = (tokenHash: string, more: Partial<TokenItem> = {}): TokenItem => ({
  tokenHash,
  tokenId: `t-${tokenHash}`,
  tenantId: 'acme',
  role: 'tenant-read',
  createdAt: 1,
  expiresAt: 2,
  ...more,
});
const subscription = (subscriptionId: string): SubscriptionItem => ({
  tenantId: 'acme',
  subscriptionId,
  kind: 'sqs',
  queueUrl: 'q',
  state: 'pending',
  challengeHash: 'h',
  createdAt: 1,
});
async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe('a write whose condition fails', () => {
  it('answers with the item that is there', async () => {
    await tokens.put(token('a'));
    expect(await tokens.putIfAbsent(token('a', { role: 'tenant-admin' }))).toEqual({
      ok: false,
      current: token('a'),
    });
    const key = { tokenHash: 'a' };
    const values = { ':no': 'tenant-admin', ':new': 9 };
    expect(await tokens.update(key, 'SET #expiresAt = :new', { condition: '#role = :no', values })).toEqual({
      ok: false,
      current: token('a'),
    });
    const refused = { condition: '#role = :no', values: { ':no': 'tenant-admin' } };
    expect(await tokens.delete(key, refused)).toEqual({ ok: false, current: token('a') });
    expect(await tokens.get(key)).toEqual(token('a'));
  });

  it('answers with nothing where nothing is', async () => {
    const condition = 'attribute_exists(#tokenHash)';
    expect(
      await tokens.update({ tokenHash: 'x' }, 'SET #role = :r', { condition, values: { ':r': 'r' } }),
    ).toEqual({ ok: false, current: undefined });
    expect(await tokens.get({ tokenHash: 'x' })).toBeUndefined();
  });

  it('finds an item by a key of two parts', async () => {
    await subscriptions.put(subscription('main'));
    const again = { ...subscription('main'), queueUrl: 'other' };
    expect(await subscriptions.putIfAbsent(again)).toEqual({ ok: false, current: subscription('main') });
  });
});

it.each(['constructor', 'hasOwnProperty', 'toString'])('a map may name a field %s', async (name) => {
  const more = { note: { [name]: 5, deep: [{ [name]: { [name]: 'x' } }] } };
  const written = { ...token('a'), ...more };
  await tokens.put(written);
  expect(await tokens.get({ tokenHash: 'a' })).toEqual(written);
});

it('an update answers with what was written, or with what was before', async () => {
  await tokens.put(token('a'));
  const key = { tokenHash: 'a' };
  const to = (value: number) => ({ values: { ':at': value } });
  expect(await tokens.update(key, 'SET #expiresAt = :at', to(3))).toEqual({
    ok: true,
    item: token('a', { expiresAt: 3 }),
  });
  expect(await tokens.update(key, 'SET #expiresAt = :at', { ...to(4), returns: 'old' })).toEqual({
    ok: true,
    item: token('a', { expiresAt: 3 }),
  });
});

it('a delete answers with what was there', async () => {
  await tokens.put(token('a'));
  expect(await tokens.delete({ tokenHash: 'a' })).toEqual({ ok: true, item: token('a') });
  expect(await tokens.delete({ tokenHash: 'a' })).toEqual({ ok: true, item: undefined });
});

describe('what is read in pages', () => {
  const ids = ['a', 'b', 'c', 'd', 'e'];

  it('comes whole and in order, either way, from a query', async () => {
    for (const id of ids) await subscriptions.put(subscription(id));
    const query = { key: '#tenantId = :t', values: { ':t': 'acme' }, pageSize: 2 };
    const found = await all(subscriptions.query(query));
    expect(found.map(({ subscriptionId }) => subscriptionId)).toEqual(ids);
    const back = await all(subscriptions.query({ ...query, newestFirst: true }));
    expect(back.map(({ subscriptionId }) => subscriptionId)).toEqual(ids.toReversed());
  });

  it('comes whole from a scan, also from the shares of a parallel one, and goes on behind a key', async () => {
    for (const id of ids) await tokens.put(token(id));
    const hashes = (items: TokenItem[]) => items.map(({ tokenHash }) => tokenHash);
    const scanned = hashes(await all(tokens.scan({ pageSize: 2 })));
    expect(scanned.toSorted()).toEqual(ids);
    const shares = [0, 1, 2].map((index) => all(tokens.scan({ segment: { index, count: 3 } })));
    expect(hashes((await Promise.all(shares)).flat()).toSorted()).toEqual(ids);
    expect(hashes(await all(tokens.scan({ after: { tokenHash: scanned[1] } })))).toEqual(scanned.slice(2));
  });

  it('stops asking when its consumer stops', async () => {
    for (const id of ids) await subscriptions.put(subscription(id));
    const query = { key: '#tenantId = :t', values: { ':t': 'acme' }, pageSize: 1 };
    const ofFirst = await countUsage(async (usage) => {
      for await (const _first of subscriptions.query(query)) break;
      return usage.readUnits;
    });
    const ofAll = await countUsage(async (usage) => {
      await all(subscriptions.query(query));
      return usage.readUnits;
    });
    expect(ofAll).toBeGreaterThan(2 * ofFirst);
  });

  it('finds more keys than one request may ask for, and only those that exist', async () => {
    const many = Array.from({ length: 120 }, (_, i) => String(i));
    await Promise.all(many.map((hash) => tokens.put(token(hash))));
    const found = await tokens.batchGet([...many, 'nobody'].map((tokenHash) => ({ tokenHash })));
    expect(new Set(found.map(({ tokenHash }) => tokenHash))).toEqual(new Set(many));
  });
});

it('asks for the keys that were too much later, each time after a longer pause, and at once where all came', async () => {
  const pauses: number[] = [];
  const asked: number[] = [];
  /** Answers with at most so many of the keys that it is asked for. */
  const [share, keyCount] = [30, 270];
  const throttled = {
    send: async ({ input }: BatchGetCommand) => {
      const keys = input.RequestItems!['Tokens']!.Keys!;
      asked.push(keys.length);
      return {
        Responses: { Tokens: keys.slice(0, share).map(({ tokenHash }) => token(String(tokenHash))) },
        UnprocessedKeys: keys.length > share ? { Tokens: { Keys: keys.slice(share) } } : {},
      };
    },
  } as unknown as DynamoDBDocumentClient;
  const table = new Table<TokenItem, 'tokenHash'>('Tokens', ['tokenHash'], throttled, async (ms) => {
    pauses.push(ms);
  });
  const hashes = Array.from({ length: keyCount }, (_, i) => String(i));

  const found = await table.batchGet(hashes.map((tokenHash) => ({ tokenHash })));

  expect(new Set(found.map(({ tokenHash }) => tokenHash))).toEqual(new Set(hashes));
  expect(asked).toEqual([100, 100, 100, 100, 100, 100, 90, 60, 30]);
  expect(pauses).toEqual([50, 100, 200, 400, 800, 1_000, 1_000, 1_000]);
});

it('counts what the answers say that they cost', async () => {
  const one = countUsage(async (usage) => {
    await tokens.put(token('a'));
    await tokens.get({ tokenHash: 'a' });
    return { ...usage };
  });
  const other = countUsage(async (usage) => {
    await tokens.get({ tokenHash: 'a' });
    await tokens.get({ tokenHash: 'a' });
    return { ...usage };
  });
  // Both at the same time, and neither counts what the other asked for.
  const { readUnits, writeUnits } = await one;
  expect(readUnits).toBe(1);
  expect(writeUnits).toBeGreaterThanOrEqual(1);
  expect(await other).toEqual({ readUnits: 2, writeUnits: 0 });
});
