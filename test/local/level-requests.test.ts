import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import {
  CreateTableCommand,
  DeleteItemCommand,
  DynamoDBClient,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ClassicLevel } from 'classic-level';
import type { Region } from '../../local/region.ts';
import { hand, openTables } from '../../local/services/dynamodb.ts';

interface Batches {
  _batch(operations: readonly { key: string }[], options: object): Promise<void>;
}
const level = ClassicLevel.prototype as unknown as Batches;
const batch = level._batch;

describe('an item and the rows of its indexes', () => {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-level-'));
  let server: Server;
  let client: DynamoDBClient;
  beforeAll(async () => {
    const region = { settings: { accountId: '000000000000', region: 'us-east-1' } } as Region;
    const store = openTables(directory, region);
    server = createServer((raw, response) => {
      const { method = '', url = '', headers } = raw;
      void buffer(raw).then((body) => hand({ method, url, headers, body, raw }, response, store));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
    client = new DynamoDBClient({ endpoint, region: 'us-east-1', credentials, maxAttempts: 1 });
    const name = (AttributeName: string) => ({ AttributeName, AttributeType: 'S' as const });
    const key = (hash: string, range: string) => [
      { AttributeName: hash, KeyType: 'HASH' as const },
      { AttributeName: range, KeyType: 'RANGE' as const },
    ];
    const Projection = { ProjectionType: 'ALL' as const };
    await client.send(
      new CreateTableCommand({
        TableName: 'jobs',
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: ['owner', 'job', 'state', 'due'].map(name),
        KeySchema: key('owner', 'job'),
        LocalSecondaryIndexes: [{ IndexName: 'byDue', KeySchema: key('owner', 'due'), Projection }],
        GlobalSecondaryIndexes: [{ IndexName: 'byState', KeySchema: key('state', 'job'), Projection }],
      }),
    );
  });
  afterEach(() => {
    level._batch = batch;
  });
  afterAll(() => {
    client.destroy();
    server.close();
    server.closeAllConnections();
    rmSync(directory, { recursive: true, force: true });
  });

  const put = (job: string, state: string, due = '1') =>
    client.send(
      new PutItemCommand({
        TableName: 'jobs',
        Item: { owner: { S: 'o' }, job: { S: job }, state: { S: state }, due: { S: due } },
      }),
    );
  const text = (items: object[] | undefined) => (items ?? []).map((item) => JSON.stringify(item)).sort();
  const items = async () => text((await client.send(new ScanCommand({ TableName: 'jobs' }))).Items);
  const rowsOf = async (IndexName: string, name: string, value: string) => {
    const { Items } = await client.send(
      new QueryCommand({
        TableName: 'jobs',
        IndexName,
        KeyConditionExpression: '#k = :v',
        ExpressionAttributeNames: { '#k': name },
        ExpressionAttributeValues: { ':v': { S: value } },
      }),
    );
    return text(Items);
  };
  const rows = async () => [
    await rowsOf('byDue', 'owner', 'o'),
    (await Promise.all(['new', 'done'].map((state) => rowsOf('byState', 'state', state)))).flat().sort(),
  ];

  it('are written together, or neither is', async () => {
    await Promise.all([put('a', 'new'), put('c', 'done')]);
    const before = await items();
    // As for a process that dies before the write that each of them comes down to.
    const reached = Promise.withResolvers<void>();
    let count = 0;
    level._batch = () => {
      count += 1;
      if (count === 3) reached.resolve();
      return new Promise(() => undefined);
    };
    const Key = { owner: { S: 'o' }, job: { S: 'c' } };
    const cut = [
      put('a', 'done', '2'),
      put('b', 'new'),
      client.send(new DeleteItemCommand({ TableName: 'jobs', Key })),
    ];
    for (const one of cut) one.catch(() => undefined);
    await reached.promise;
    level._batch = batch;
    expect(await items()).toEqual(before);
    expect(await rows()).toEqual([before, before]);
  });

  it('agree after many changes at the same time, of one item and of several', async () => {
    await Promise.all(
      Array.from({ length: 120 }, (_, i) => {
        const job = `j${i % 7}`;
        const Key = { owner: { S: 'o' }, job: { S: job } };
        if (i % 11 === 5) return client.send(new DeleteItemCommand({ TableName: 'jobs', Key }));
        if (i % 3) return put(job, i % 2 ? 'new' : 'done', String(i));
        return client.send(
          new UpdateItemCommand({
            TableName: 'jobs',
            Key,
            UpdateExpression: 'SET #s = :s, due = :d',
            ExpressionAttributeNames: { '#s': 'state' },
            ExpressionAttributeValues: { ':s': { S: 'done' }, ':d': { S: String(i) } },
          }),
        );
      }),
    );
    const stored = await items();
    expect(stored.length).toBeGreaterThan(3);
    expect(await rows()).toEqual([stored, stored]);
  });

  it('go at once with the item', async () => {
    await put('gone', 'new');
    const sizes: number[] = [];
    level._batch = function (operations, options) {
      sizes.push(operations.length);
      return batch.call(this, operations, options);
    };
    const Key = { owner: { S: 'o' }, job: { S: 'gone' } };
    await client.send(new DeleteItemCommand({ TableName: 'jobs', Key }));
    expect(sizes).toEqual([3]);
    expect((await rows()).flat().join()).not.toContain('gone');
  });
});
