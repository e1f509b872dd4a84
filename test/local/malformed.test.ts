import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { signedCall } from '../../local/services/root-client.ts';
import { bootFixture, temporaryDirectory, type FixtureCloud } from './fixture.ts';

/** Bodies that no SDK sends. Each may be refused in any way; none may end the process or go unanswered. */
describe('malformed requests', () => {
  const directory = temporaryDirectory();
  let cloud: FixtureCloud;
  beforeAll(async () => {
    cloud = await bootFixture(directory.path);
  });
  afterAll(async () => {
    await cloud.stop();
    directory.remove();
  });

  const call = (service: string, target: string, body: string) =>
    signedCall({
      url: `${cloud.asRoot.endpoint}/`,
      service,
      region: cloud.region,
      credentials: cloud.rootCredentials,
      headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': target },
      body,
    });
  const ended = async (service: string, target: string, body: string) => {
    const error = await call(service, target, body).then(
      () => undefined,
      (thrown: NodeJS.ErrnoException) => thrown,
    );
    return error?.code ?? 'answered';
  };
  const key = { pk: { S: 'a' }, sk: { S: 'b' } };

  it('to DynamoDB are answered', async () => {
    const TableName = cloud.urls['alpha']?.['TableName'] ?? '';
    const p = { ':p': { S: 'a' } };
    const shapes: object[] = [
      ...[{}, { TableName: 5 }, { TableName: null }, { TableName: 'x' }],
      ...[{ RequestItems: null }, { RequestItems: [] }, { RequestItems: { [TableName]: null } }],
      ...[{ Keys: [{}] }, { Keys: null }, [{}], [null], [{ PutRequest: null }]].map((one) => ({
        RequestItems: { [TableName]: one },
      })),
      ...[
        { Item: null },
        { Item: { pk: { S: 1 } } },
        { Item: { ...key, x: { N: '1e999' } } },
        { Item: { ...key, x: { M: { a: { L: [{ B: '!!' }, null] } } } } },
        { Item: { ...key, openSeq: { S: '1' } } },
        { Item: key, ConditionExpression: 'attribute_not_exists(#x)' },
        { Item: JSON.parse('{"pk":{"S":"a"},"sk":{"S":"b"},"__proto__":{"S":"x"}}') as object },
        { Key: null },
        { Key: key, UpdateExpression: '(((' },
        { Key: key, UpdateExpression: 'SET a[0][1].b = :p', ExpressionAttributeValues: p },
        { Key: key, ExpressionAttributeNames: null, ProjectionExpression: '#a' },
        { KeyConditionExpression: 'pk = :p AND begins_with(sk, :q', ExpressionAttributeValues: p },
        {
          KeyConditionExpression: 'pk = :p',
          ExpressionAttributeValues: p,
          ExclusiveStartKey: { pk: { S: 'z' } },
        },
        { KeyConditionExpression: 'pk = :p', ExpressionAttributeValues: p, IndexName: 'nope' },
        { KeyConditionExpression: 'pk = :p', ExpressionAttributeValues: { ':p': null } },
        { Limit: -1 },
        { Limit: 'x', ExclusiveStartKey: null },
      ].map((one) => ({ TableName, ...one })),
    ];
    const operations = [
      'GetItem',
      'PutItem',
      'UpdateItem',
      'DeleteItem',
      'Query',
      'Scan',
      'BatchGetItem',
      'BatchWriteItem',
      'DescribeTable',
    ];
    for (const operation of operations)
      for (const shape of shapes)
        expect([
          operation,
          shape,
          await ended('dynamodb', `DynamoDB_20120810.${operation}`, JSON.stringify(shape)),
        ]).toEqual([operation, shape, 'answered']);
  });

  it('to the other services are answered', async () => {
    const targets = [
      ['ssm', 'AmazonSSM.GetParameter'],
      ['ssm', 'AmazonSSM.GetParameters'],
      ['ssm', 'AmazonSSM.GetParametersByPath'],
      ['events', 'AWSEvents.PutEvents'],
      ['sqs', 'AmazonSQS.SendMessage'],
      ['sqs', 'AmazonSQS.ReceiveMessage'],
      ['sqs', 'AmazonSQS.SendMessageBatch'],
    ] as const;
    const bodies = [
      '{',
      '[]',
      'null',
      '{"Names":5}',
      '{"Names":[1,null]}',
      '{"Entries":5}',
      '{"Entries":[null]}',
      '{"Entries":[{"Detail":5}]}',
    ];
    bodies.push(
      '{"Path":5,"MaxResults":"x"}',
      '{"QueueUrl":5}',
      '{"QueueUrl":"http://%%"}',
      '{"QueueUrl":"work","Entries":[null]}',
    );
    for (const [service, target] of targets)
      for (const body of bodies)
        expect([target, body, await ended(service, target, body)]).toEqual([target, body, 'answered']);
  });

  it('with targets and headers that no client sends are answered', async () => {
    const { port: services } = new URL(cloud.asRoot.endpoint);
    const { port: sockets, pathname: stage } = new URL(cloud.urls['alpha']?.['SocketUrl'] ?? '');
    const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
    const key = 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==';
    for (const target of ['//', '//[', '*', 'http://[', '/%zz', '/%', '/?%%'])
      for (const [port, lines] of [
        [services, []],
        [
          services,
          ['Authorization: AWS4-HMAC-SHA256 Credential=a/b/c/s3/x, SignedHeaders=host, Signature=x'],
        ],
        [sockets, []],
        [sockets, [...upgrade, key]],
      ] as const) {
        const answer = await exchange(Number(port), target, lines);
        expect([target, lines, answer]).toEqual([target, lines, expect.stringMatching(/^HTTP\/1.1 4\d\d /)]);
      }
    for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty'])
      expect([name, await exchange(Number(sockets), stage, [...upgrade, key, `${name}: x`])]).toEqual([
        name,
        expect.stringMatching(/^HTTP\/1.1 401 /),
      ]);
  });

  it('leave the process as it was', async () => {
    expect(await call('ssm', 'AmazonSSM.GetParameter', '{"Name":"/alpha/setting"}')).toHaveProperty(
      'Parameter',
    );
  });
});

/** Sends one request as it stands and reads what comes back until the other side, or the answer, ends. */
async function exchange(port: number, target: string, lines: readonly string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const closing = lines.some((line) => line.startsWith('Connection:')) ? [] : ['Connection: close'];
  socket.write([`GET ${target} HTTP/1.1`, 'Host: x', ...closing, ...lines, '', ''].join('\r\n'));
  return text(socket);
}
