import { ConditionalCheckFailedException, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import {
  GetParameterCommand,
  GetParametersByPathCommand,
  PutParameterCommand,
  SSMClient,
} from '@aws-sdk/client-ssm';
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import {
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  ScanCommand,
} from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { signedCall } from '../../local/services/root-client.ts';
import { bootFixture, temporaryDirectory, type ClientSettings, type FixtureCloud } from './fixture.ts';

describe('AWS services on one machine, asked by their own SDK clients', () => {
  const directory = temporaryDirectory();
  let cloud: FixtureCloud;
  let probe: ClientSettings;
  let tableName: string;
  beforeAll(async () => {
    cloud = await bootFixture(directory.path);
    probe = await cloud.actAs('probe');
    tableName = cloud.urls['alpha']?.['TableName'] ?? '';
  });
  afterAll(async () => {
    await cloud.stop();
    directory.remove();
  });

  describe('DynamoDB', () => {
    const documents = (settings: ClientSettings) => DynamoDBDocumentClient.from(new DynamoDBClient(settings));

    it('keeps items, honours conditions and reads local indexes strongly', async () => {
      const store = documents(probe);
      const Item = { pk: 'g1', sk: 'c1', openSeq: 1, tenant: 't1' };
      await store.send(new PutCommand({ TableName: tableName, Item }));
      const again = new PutCommand({
        TableName: tableName,
        Item,
        ConditionExpression: 'attribute_not_exists(pk)',
      });
      await expect(store.send(again)).rejects.toThrow(ConditionalCheckFailedException);
      const read = await store.send(new GetCommand({ TableName: tableName, Key: { pk: 'g1', sk: 'c1' } }));
      expect(read.Item).toEqual(Item);
    });

    it('refuses an action that the role does not have, in the words of DynamoDB', async () => {
      const failure = documents(probe).send(new ScanCommand({ TableName: tableName }));
      await expect(failure).rejects.toMatchObject({
        name: 'AccessDeniedException',
        message: expect.stringMatching(
          /assumed-role\/.*\/probe is not authorized to perform: dynamodb:Scan on resource: arn:aws:dynamodb:eu-west-1:000000000000:table\//,
        ) as unknown as string,
      });
    });

    it('refuses an index that the role was not given', async () => {
      const query = new QueryCommand({
        TableName: tableName,
        IndexName: 'open',
        KeyConditionExpression: 'pk = :pk',
        ExpressionAttributeValues: { ':pk': 'g1' },
      });
      await expect(documents(probe).send(query)).rejects.toMatchObject({ name: 'AccessDeniedException' });
      const asRoot = await documents(cloud.asRoot).send(
        new QueryCommand({ ...query.input, ConsistentRead: true }),
      );
      expect(asRoot.Count).toBe(1);
    });

    it('serves a stack’s table to a function of another stack, through that stack’s own endpoint', async () => {
      const far = await cloud.actAs('far');
      expect(far.endpoint).toBe(cloud.endpoints['beta']);
      const read = await documents(far).send(
        new GetCommand({ TableName: tableName, Key: { pk: 'g1', sk: 'c1' } }),
      );
      expect(read.Item).toMatchObject({ tenant: 't1' });
      const own = { TableName: cloud.urls['beta']?.['OwnTableName'], Item: { pk: 'x' } };
      await documents(far).send(new PutCommand(own));
    });

    it('asks who signed a request for another stack’s table, there as at home', async () => {
      const far = await cloud.actAs('far');
      const read = new GetCommand({ TableName: tableName, Key: { pk: 'g1', sk: 'c1' } });
      const secretAccessKey = 'not-the-one-of-this-key';
      const forged = documents({ ...far, credentials: { ...far.credentials, secretAccessKey } });
      await expect(forged.send(read)).rejects.toMatchObject({ name: 'InvalidSignatureException' });
    });

    it('refuses what the local store would pass over in silence', async () => {
      const put = new PutCommand({
        TableName: tableName,
        Item: { pk: 'g1', sk: 'c1' },
        ConditionExpression: 'attribute_not_exists(pk)',
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      });
      await expect(documents(probe).send(put)).rejects.toThrow(/ReturnValuesOnConditionCheckFailure/);
    });

    it('refuses a wrong secret and an unknown key', async () => {
      const wrong = { ...probe, credentials: { ...probe.credentials, secretAccessKey: 'wrong' } };
      const key = { TableName: tableName, Key: { pk: 'g1', sk: 'c1' } };
      await expect(documents(wrong).send(new GetCommand(key))).rejects.toMatchObject({
        name: 'InvalidSignatureException',
      });
      const unknown = { ...probe, credentials: { accessKeyId: 'AKIAUNKNOWN', secretAccessKey: 'x' } };
      await expect(documents(unknown).send(new GetCommand(key))).rejects.toMatchObject({
        name: 'UnrecognizedClientException',
      });
    });
  });

  describe('S3', () => {
    it('keeps objects under any key and reads ranges', async () => {
      const s3 = new S3Client(probe);
      const keys = ['mine/../a b+ü//x', 'any/%2F%25#?&;=*', 'any/ends/'];
      for (const Key of keys) {
        await s3.send(new PutObjectCommand({ Bucket: 'alpha-files', Key, Body: Buffer.from('0123456789') }));
        const answer = await s3.send(
          new GetObjectCommand({ Bucket: 'alpha-files', Key, Range: 'bytes=2-4' }),
        );
        expect(await answer.Body?.transformToString()).toBe('234');
      }
      const { Contents = [] } = await new S3Client(cloud.asRoot).send(
        new ListObjectsV2Command({ Bucket: 'alpha-files' }),
      );
      expect(Contents.map(({ Key }) => Key).sort()).toEqual([...keys].sort());
    });

    it('takes the bucket from the path alone, not from the host', async () => {
      const s3 = new S3Client(probe);
      s3.middlewareStack.add(
        (next) => (args) => {
          (args.request as { headers: Record<string, string> }).headers['host'] = 'alpha-files.localhost';
          return next(args);
        },
        { step: 'build', priority: 'low' },
      );
      const Key = 'mine/../a b+ü//x';
      const read = s3.send(new GetObjectCommand({ Bucket: 'alpha-files', Key }));
      expect(await (await read).Body?.transformToString()).toBe('0123456789');
    });

    it('lists only the prefix that the role may list', async () => {
      const s3 = new S3Client(probe);
      await s3.send(new PutObjectCommand({ Bucket: 'alpha-files', Key: 'mine/1', Body: 'x' }));
      const mine = await s3.send(new ListObjectsV2Command({ Bucket: 'alpha-files', Prefix: 'mine/1' }));
      expect(mine.KeyCount).toBe(1);
      const all = s3.send(new ListObjectsV2Command({ Bucket: 'alpha-files' }));
      await expect(all).rejects.toMatchObject({ name: 'AccessDenied', $metadata: { httpStatusCode: 403 } });
    });

    it('lets the bucket’s own policy forbid what a role allows', async () => {
      const s3 = new S3Client(probe);
      await s3.send(new PutObjectCommand({ Bucket: 'alpha-files', Key: 'locked/1', Body: 'x' }));
      await expect(
        s3.send(new DeleteObjectCommand({ Bucket: 'alpha-files', Key: 'locked/1' })),
      ).rejects.toMatchObject({
        name: 'AccessDenied',
        message: expect.stringContaining('explicit deny in a resource-based policy') as unknown as string,
      });
      await s3.send(new DeleteObjectCommand({ Bucket: 'alpha-files', Key: 'mine/1' }));
    });

    it('refuses a body that is not the one that was signed', async () => {
      const s3 = new S3Client(probe);
      s3.middlewareStack.add(
        (next) => (args) => {
          (args.request as { body: unknown }).body = Buffer.from('forged');
          return next(args);
        },
        { step: 'finalizeRequest', priority: 'low' },
      );
      const put = s3.send(
        new PutObjectCommand({ Bucket: 'alpha-files', Key: 'mine/2', Body: Buffer.from('honest') }),
      );
      await expect(put).rejects.toMatchObject({ name: 'SignatureDoesNotMatch' });
    });
  });

  describe('STS', () => {
    it('says who a function is', async () => {
      const { Arn } = await new STSClient(probe).send(new GetCallerIdentityCommand({}));
      expect(Arn).toMatch(/^arn:aws:sts::000000000000:assumed-role\/alpha-ProbeRole-\w+\/probe$/);
    });

    it('cuts a session down to its own policy', async () => {
      const sts = new STSClient(probe);
      const Policy = JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::alpha-files/mine/*' }],
      });
      const RoleArn = cloud.urls['alpha']?.['StorageRoleArn'];
      const { Credentials } = await sts.send(
        new AssumeRoleCommand({ RoleArn, RoleSessionName: 'restore', Policy, DurationSeconds: 900 }),
      );
      const session = new S3Client({
        ...probe,
        credentials: {
          accessKeyId: Credentials?.AccessKeyId ?? '',
          secretAccessKey: Credentials?.SecretAccessKey ?? '',
          sessionToken: Credentials?.SessionToken,
        },
      });
      await session.send(new GetObjectCommand({ Bucket: 'alpha-files', Key: 'mine/../a b+ü//x' }));
      const foreign = session.send(new GetObjectCommand({ Bucket: 'alpha-files', Key: 'locked/1' }));
      await expect(foreign).rejects.toMatchObject({
        name: 'AccessDenied',
        message: expect.stringContaining('no session policy') as unknown as string,
      });
      const write = session.send(new PutObjectCommand({ Bucket: 'alpha-files', Key: 'mine/3', Body: 'x' }));
      await expect(write).rejects.toMatchObject({ name: 'AccessDenied' });
    });

    it('assumes only roles whose trust names the caller', async () => {
      const RoleArn = cloud.urls['alpha']?.['StorageRoleArn'];
      const narrow = new STSClient(await cloud.actAs('narrow'));
      const refused = narrow.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: 'restore' }));
      await expect(refused).rejects.toMatchObject({ name: 'AccessDenied' });
    });

    it('refuses a session policy with an operator that it cannot evaluate, by name', async () => {
      const RoleArn = cloud.urls['alpha']?.['StorageRoleArn'];
      const Policy = JSON.stringify({
        Statement: [
          {
            Effect: 'Allow',
            Action: '*',
            Resource: '*',
            Condition: { DateLessThan: { 'aws:CurrentTime': 'x' } },
          },
        ],
      });
      const refused = new STSClient(probe).send(
        new AssumeRoleCommand({ RoleArn, RoleSessionName: 'restore', Policy }),
      );
      await expect(refused).rejects.toThrow(/DateLessThan/);
    });
  });

  it('SQS takes messages by the queue’s URL and moves them on after too many receives', async () => {
    const QueueUrl = cloud.urls['alpha']?.['WorkUrl'];
    await new SQSClient(probe).send(new SendMessageCommand({ QueueUrl, MessageBody: 'job' }));
    const root = new SQSClient(cloud.asRoot);
    for (let receive = 0; receive < 3; receive += 1)
      await root.send(new ReceiveMessageCommand({ QueueUrl, VisibilityTimeout: 0 }));
    const dead = await root.send(
      new ReceiveMessageCommand({ QueueUrl: cloud.urls['alpha']?.['DeadLettersUrl'], WaitTimeSeconds: 2 }),
    );
    expect(dead.Messages?.map(({ Body }) => Body)).toEqual(['job']);
    await expect(new SQSClient(probe).send(new ReceiveMessageCommand({ QueueUrl }))).rejects.toMatchObject({
      name: expect.stringMatching(/AccessDenied/) as unknown as string,
    });
  });

  it('say nothing of a client that goes away while another stack answers it', async () => {
    const QueueUrl = cloud.urls['alpha']?.['WorkUrl'];
    const far = new SQSClient({ ...cloud.asRoot, endpoint: cloud.endpoints['beta'] });
    const gone = new AbortController();
    const asked = far.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 }), {
      abortSignal: gone.signal,
    });
    asked.catch(() => undefined);
    // It waits there by now: this one came later, and was answered.
    await far.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 1 }));
    gone.abort();
    await expect(asked).rejects.toMatchObject({ name: 'AbortError' });
    await far.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 1 }));
    expect(cloud.logs.filter(({ event }) => event === 'local.fault')).toEqual([]);
  });

  it('SQS judges by the queue that it acts on, whatever else a request names', async () => {
    const url = `${probe.endpoint}/`;
    const send = (body: object, contentType = 'application/x-amz-json-1.0') =>
      signedCall({
        url,
        service: 'sqs',
        region: probe.region,
        credentials: probe.credentials,
        headers: { 'content-type': contentType, 'x-amz-target': 'AmazonSQS.SendMessage' },
        body: JSON.stringify(body),
      });
    const QueueUrl = cloud.urls['alpha']?.['RuleDeadLettersUrl'];
    const both = send({ QueueName: 'work', QueueUrl, MessageBody: 'x' });
    await expect(both).rejects.toMatchObject({ name: 'AccessDeniedException' });
    const work = { QueueUrl: `${cloud.urls['alpha']?.['WorkUrl']}/`, MessageBody: 'x' };
    expect(await send(work, 'application/x-www-form-urlencoded')).toHaveProperty('MessageId');
  });

  it('SNS publishes where the role may', async () => {
    const TopicArn = cloud.urls['alpha']?.['TopicArn'];
    await new SNSClient(probe).send(new PublishCommand({ TopicArn, Message: 'hello' }));
    const narrow = new SNSClient(await cloud.actAs('narrow'));
    await expect(narrow.send(new PublishCommand({ TopicArn, Message: 'hello' }))).rejects.toMatchObject({
      name: expect.stringMatching(/AuthorizationError/) as unknown as string,
    });
  });

  it('SSM answers the parameters of every stack from any stack', async () => {
    const ssm = new SSMClient(probe);
    const { Parameter } = await ssm.send(new GetParameterCommand({ Name: '/alpha/setting' }));
    expect(Parameter?.Value).toBe(tableName);
    const below = await ssm.send(new GetParametersByPathCommand({ Path: '/alpha/', Recursive: true }));
    expect(below.Parameters?.map(({ Name }) => Name)).toEqual(['/alpha/setting', '/alpha/stacks/beta']);
    await expect(
      ssm.send(new PutParameterCommand({ Name: '/alpha/x', Value: '1', Type: 'String' })),
    ).rejects.toMatchObject({
      name: 'AccessDeniedException',
    });
    await expect(
      new SSMClient(cloud.asRoot).send(new GetParameterCommand({ Name: '/none' })),
    ).rejects.toMatchObject({
      name: 'ParameterNotFound',
    });
  });

  it('EventBridge hands an event to the rules that it matches', async () => {
    const events = new EventBridgeClient(probe);
    const entry = (level: number, text: string) => ({
      EventBusName: 'alpha-bus',
      Source: 'alpha',
      DetailType: 'Level',
      Detail: JSON.stringify({ level, order: { do: 'print', text } }),
    });
    const answer = await events.send(new PutEventsCommand({ Entries: [entry(1, 'low'), entry(3, 'high')] }));
    expect(answer.FailedEntryCount).toBe(0);
    await cloud.logged(({ event, text }) => event === 'probe.printed' && text === 'high');
    expect(cloud.logs.filter(({ text }) => text === 'low')).toEqual([]);
    const bad = await events.send(
      new PutEventsCommand({ Entries: [{ ...entry(1, ''), Detail: 'no json' }] }),
    );
    expect(bad.Entries?.[0]?.ErrorCode).toBe('MalformedDetail');
  });

  it('EventBridge sends to the rule’s dead-letter queue what the function does not permit', async () => {
    const Detail = JSON.stringify({ level: 9, order: { do: 'print', text: 'nine' } });
    const Entries = [{ EventBusName: 'alpha-bus', Source: 'alpha', DetailType: 'Level', Detail }];
    await new EventBridgeClient(probe).send(new PutEventsCommand({ Entries }));
    const dead = await new SQSClient(cloud.asRoot).send(
      new ReceiveMessageCommand({
        QueueUrl: cloud.urls['alpha']?.['RuleDeadLettersUrl'],
        WaitTimeSeconds: 5,
        MessageAttributeNames: ['All'],
      }),
    );
    const [message] = dead.Messages ?? [];
    expect(JSON.parse(message?.Body ?? '{}')).toMatchObject({ source: 'alpha', detail: { level: 9 } });
    expect(message?.MessageAttributes?.['ERROR_CODE']?.StringValue).toBe('NO_PERMISSIONS');
  });
});
