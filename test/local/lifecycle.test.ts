import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { GetParameterCommand, PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import {
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  ScanCommand,
} from '@aws-sdk/lib-dynamodb';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { bootLocal, type BootOptions, type LocalCloud } from '../../local/boot.ts';
import { openDataDirectory } from '../../local/data/directory.ts';
import { temporaryDirectory, writeAssembly } from './fixture.ts';
import { itemsTable } from './fixtures/templates.ts';

const storesTemplate = {
  Resources: {
    Items: itemsTable,
    Files: { Type: 'AWS::S3::Bucket', Properties: { BucketName: 'files' } },
    Work: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'work' } },
  },
  Outputs: { WorkUrl: { Value: { Ref: 'Work' } } },
};

let directory: ReturnType<typeof temporaryDirectory>;
let cdkOutDir: string;
let dataDir: string;
const running: LocalCloud[] = [];

beforeEach(() => {
  directory = temporaryDirectory();
  cdkOutDir = join(directory.path, 'cdk.out');
  dataDir = join(directory.path, 'data');
  writeAssembly(cdkOutDir, { stores: storesTemplate });
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((cloud) => cloud.stop()));
  directory.remove();
});

async function boot(options: Partial<BootOptions> = {}): Promise<LocalCloud> {
  const cloud = await bootLocal({ cdkOutDir, dataDir, log: () => undefined, ...options });
  running.push(cloud);
  return cloud;
}

/** Holds a port of those that `up` may take; outgoing connections never get one of its neighbours. */
async function occupyPort(): Promise<{ occupier: Server; port: number }> {
  const port = randomInt(10_300, 32_700);
  const occupier = createServer().listen(port, '127.0.0.1');
  const [error] = (await Promise.race([once(occupier, 'listening'), once(occupier, 'error')])) as Error[];
  return error ? occupyPort() : { occupier, port };
}

function clients(cloud: LocalCloud) {
  const settings = {
    region: cloud.region,
    endpoint: cloud.endpoints['stores'],
    credentials: cloud.rootCredentials,
  };
  return {
    documents: DynamoDBDocumentClient.from(new DynamoDBClient(settings)),
    s3: new S3Client(settings),
    sqs: new SQSClient(settings),
    ssm: new SSMClient(settings),
  };
}

async function fill(cloud: LocalCloud): Promise<void> {
  const { documents, s3, sqs, ssm } = clients(cloud);
  await documents.send(new PutCommand({ TableName: 'items', Item: { pk: 'a', n: 1 } }));
  await s3.send(new PutObjectCommand({ Bucket: 'files', Key: 'k', Body: 'stored' }));
  await sqs.send(new SendMessageCommand({ QueueUrl: cloud.urls['stores']?.['WorkUrl'], MessageBody: 'job' }));
  await ssm.send(new PutParameterCommand({ Name: '/p', Value: 'v', Type: 'String' }));
}

async function contents(cloud: LocalCloud): Promise<unknown[]> {
  const { documents, s3, sqs, ssm } = clients(cloud);
  const item = await documents.send(new GetCommand({ TableName: 'items', Key: { pk: 'a' } }));
  const object = await s3.send(new GetObjectCommand({ Bucket: 'files', Key: 'k' }));
  const queue = await sqs.send(new ReceiveMessageCommand({ QueueUrl: cloud.urls['stores']?.['WorkUrl'] }));
  const parameter = await ssm.send(new GetParameterCommand({ Name: '/p' }));
  return [
    item.Item?.['n'],
    await object.Body?.transformToString(),
    queue.Messages?.[0]?.Body,
    parameter.Parameter?.Value,
  ];
}

const stored = [1, 'stored', 'job', 'v'];

async function untilGone(processId: number): Promise<void> {
  for (;;) {
    try {
      process.kill(processId, 0);
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('a local cloud', () => {
  it('keeps everything that was stored, and its addresses, over a restart', async () => {
    const first = await boot();
    await fill(first);
    await first.stop();
    const second = await boot();
    expect(second.endpoints).toEqual(first.endpoints);
    expect(second.operatorCredentials).toEqual(first.operatorCredentials);
    expect(await contents(second)).toEqual(stored);
  });

  it('keeps it over a SIGKILL of the parent, and no process stays behind', async () => {
    const first = await boot();
    await fill(first);
    await first.stop();
    const script = fileURLToPath(new URL('./fixtures/run-parent.ts', import.meta.url));
    const parent = spawn(process.execPath, [script, cdkOutDir, dataDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const { processIds } = JSON.parse(line.toString()) as { processIds: number[] };
    expect(processIds).toHaveLength(1);
    parent.kill('SIGKILL');
    await Promise.all(processIds.map(untilGone));
    expect(await contents(await boot())).toEqual(stored);
  });

  it('ends as a whole when one of its processes ends', async () => {
    const cloud = await boot();
    process.kill(cloud.processIds['stores'] ?? 0, 'SIGKILL');
    await expect(cloud.stopped).rejects.toMatchObject({
      code: 'INTERNAL',
      message: 'the process of stores ended with SIGKILL',
    });
    await boot();
  });

  it('does not share its data directory', async () => {
    await boot();
    let prepared = 0;
    const second = boot({ prepare: async () => void (prepared += 1) });
    await expect(second).rejects.toMatchObject({
      code: 'BUSY',
      message: `the data directory ${dataDir} is in use by process ${process.pid}`,
    });
    // Synthesis would replace the assembly from which the first one runs.
    expect(prepared).toBe(0);
  });

  it('names a port that is in use, and leaves nothing running', async () => {
    const { occupier, port } = await occupyPort();
    const portBase = port - 9;
    await expect(boot({ portBase })).rejects.toMatchObject({
      code: 'BUSY',
      message: `stores: port ${port} is in use`,
    });
    occupier.close();
    await boot({ portBase });
  });

  it('looks at the ports before anything is prepared, and leaves no directory for nothing', async () => {
    const { occupier, port } = await occupyPort();
    let prepared = 0;
    const options = { portBase: port - 10, stackCount: 2, prepare: async () => void (prepared += 1) };
    await expect(boot(options)).rejects.toMatchObject({ code: 'BUSY', message: `port ${port} is in use` });
    expect([prepared, existsSync(dataDir)]).toEqual([0, false]);
    occupier.close();
  });

  it('stops at a table whose keys are not those of the stored one', async () => {
    await (await boot()).stop();
    const changed = structuredClone(storesTemplate);
    changed.Resources.Items.Properties.KeySchema = [{ AttributeName: 'id', KeyType: 'HASH' }];
    changed.Resources.Items.Properties.AttributeDefinitions = [{ AttributeName: 'id', AttributeType: 'S' }];
    writeAssembly(cdkOutDir, { stores: changed });
    await expect(boot()).rejects.toMatchObject({
      code: 'CONFLICT',
      message: 'stores: table items: KeySchema of the template is not that of the stored table',
    });
  });

  describe('gives a stored table the indexes of the template', () => {
    const indexed = structuredClone(storesTemplate) as Record<string, unknown> & typeof storesTemplate;
    Object.assign(indexed.Resources.Items.Properties, {
      AttributeDefinitions: ['pk', 'tenant'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
      GlobalSecondaryIndexes: [
        {
          IndexName: 'byTenant',
          KeySchema: [{ AttributeName: 'tenant', KeyType: 'HASH' }],
          Projection: { ProjectionType: 'KEYS_ONLY' },
        },
      ],
    });
    const items = Array.from({ length: 30 }, (_, i) => ({ pk: `p${i}`, tenant: `t${i % 2}`, n: i }));
    const asideFile = () => join(dataDir, 'stacks', 'stores', 'items.aside.json');

    async function expectAll(cloud: LocalCloud): Promise<void> {
      const { documents } = clients(cloud);
      const all = await documents.send(new ScanCommand({ TableName: 'items' }));
      expect(all.Items?.toSorted((a, b) => Number(a['n']) - Number(b['n']))).toEqual(items);
      const found = await documents.send(
        new QueryCommand({
          TableName: 'items',
          IndexName: 'byTenant',
          KeyConditionExpression: 'tenant = :t',
          ExpressionAttributeValues: { ':t': 't1' },
        }),
      );
      expect(found.Count).toBe(15);
      expect(existsSync(asideFile())).toBe(false);
    }

    it('with all its items', async () => {
      const before = await boot();
      const { documents } = clients(before);
      for (const Item of items) await documents.send(new PutCommand({ TableName: 'items', Item }));
      await before.stop();
      writeAssembly(cdkOutDir, { stores: indexed });
      await expectAll(await boot());
    });

    it('also where it died while it did so', async () => {
      const before = await boot();
      await clients(before).documents.send(new PutCommand({ TableName: 'items', Item: items[3] }));
      await before.stop();
      writeFileSync(
        asideFile(),
        JSON.stringify(
          items.map(({ pk, tenant, n }) => ({ pk: { S: pk }, tenant: { S: tenant }, n: { N: `${n}` } })),
        ),
      );
      writeAssembly(cdkOutDir, { stores: indexed });
      await expectAll(await boot());
    });
  });

  it('says that there is nothing to boot', async () => {
    const missing = join(directory.path, 'elsewhere');
    await expect(boot({ cdkOutDir: missing })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('a data directory', () => {
  it('of another format is refused', () => {
    mkdirSync(dataDir);
    writeFileSync(join(dataDir, 'format.json'), JSON.stringify({ format: 'holdfast-local', version: 0 }));
    expect(() => openDataDirectory(dataDir)).toThrow(/has data format 0; this version reads 1/);
    writeFileSync(join(dataDir, 'format.json'), 'no json');
    expect(() => openDataDirectory(dataDir)).toThrow(/has data format unknown/);
  });

  it('that holds other things is refused', () => {
    mkdirSync(dataDir);
    writeFileSync(join(dataDir, 'letters.txt'), '');
    expect(() => openDataDirectory(dataDir)).toThrow(/letters\.txt/);
  });

  it('that cannot be written or has no room is refused', () => {
    writeFileSync(dataDir, 'a file');
    expect(() => openDataDirectory(join(dataDir, 'below'))).toThrow(expect.objectContaining({ code: 'IO' }));
    const full = join(directory.path, 'full');
    expect(() => openDataDirectory(full, () => 1024)).toThrow(expect.objectContaining({ code: 'NO_SPACE' }));
  });
});
