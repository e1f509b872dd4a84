import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { readAssembly } from '../../local/template/assembly.ts';
import { planStacks, resourcesOf, type Place } from '../../local/template/plan.ts';
import { temporaryDirectory, writeAssembly } from './fixture.ts';

const directory = temporaryDirectory();
afterAll(() => directory.remove());

const place: Place = {
  region: 'eu-west-1',
  accountId: '000000000000',
  servicesUrl: (stackName) => `http://${stackName}:1`,
  apiPort: () => 4711,
};
let assemblies = 0;

function plan(templates: Record<string, object>) {
  const cdkOutDir = join(directory.path, String((assemblies += 1)));
  writeAssembly(cdkOutDir, templates);
  return planStacks(readAssembly(cdkOutDir), place);
}

/** The value of a parameter: what `value` resolves to in a stack with a few things to refer to. */
function resolved(value: unknown, more: object = {}): unknown {
  const Resources = {
    Table: {
      Type: 'AWS::DynamoDB::Table',
      Properties: {
        TableName: 'table',
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
      },
    },
    Queue: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'queue' } },
    Socket: {
      Type: 'AWS::ApiGatewayV2::Api',
      Properties: { Name: 's', ProtocolType: 'WEBSOCKET', RouteSelectionExpression: '$request.body.t' },
    },
    Http: { Type: 'AWS::ApiGatewayV2::Api', Properties: { Name: 'h', ProtocolType: 'HTTP' } },
    Parameter: { Type: 'AWS::SSM::Parameter', Properties: { Name: '/p', Type: 'String', Value: value } },
  };
  const [stack] = plan({ one: { Resources, ...more } });
  return stack && resourcesOf(stack, 'AWS::SSM::Parameter')[0]?.properties.Value;
}

describe('functions of a template', () => {
  it.each([
    [{ Ref: 'Table' }, 'table'],
    [{ Ref: 'Queue' }, 'http://one:1/000000000000/queue'],
    [{ 'Fn::GetAtt': ['Table', 'Arn'] }, 'arn:aws:dynamodb:eu-west-1:000000000000:table/table'],
    [{ 'Fn::GetAtt': 'Queue.Arn' }, 'arn:aws:sqs:eu-west-1:000000000000:queue'],
    [{ 'Fn::GetAtt': ['Socket', 'ApiEndpoint'] }, 'ws://127.0.0.1:4711'],
    [{ 'Fn::GetAtt': ['Http', 'ApiEndpoint'] }, 'http://127.0.0.1:4711'],
    [{ 'Fn::Join': ['-', ['a', { Ref: 'AWS::Region' }, { Ref: 'AWS::NoValue' }]] }, 'a-eu-west-1'],
    [
      { 'Fn::Sub': '${AWS::StackName}/${Table.Arn}/${!Literal}' },
      'one/arn:aws:dynamodb:eu-west-1:000000000000:table/table/${Literal}',
    ],
    [{ 'Fn::Sub': ['${Own}-${Table}', { Own: { Ref: 'AWS::Partition' } }] }, 'aws-table'],
    [{ 'Fn::Select': [1, { 'Fn::Split': ['/', 'a/b/c'] }] }, 'b'],
    [{ 'Fn::If': ['InIreland', 'yes', 'no'] }, 'yes'],
    [{ 'Fn::If': ['Elsewhere', 'yes', 'no'] }, 'no'],
    [{ 'Fn::FindInMap': ['Sizes', { Ref: 'AWS::Region' }, 'small'] }, 's'],
    [{ Ref: 'Given' }, 'default'],
  ])('%j is %j', (value, expected) => {
    const isIreland = { 'Fn::Equals': [{ Ref: 'AWS::Region' }, 'eu-west-1'] };
    const more = {
      Parameters: { Given: { Type: 'String', Default: 'default' } },
      Conditions: { InIreland: isIreland, Elsewhere: { 'Fn::Not': [{ Condition: 'InIreland' }] } },
      Mappings: { Sizes: { 'eu-west-1': { small: 's' } } },
    };
    expect(resolved(value, more)).toBe(expected);
  });

  it.each([
    [{ 'Fn::Base64': 'x' }, /does not know Fn::Base64/],
    [{ Ref: 'Nothing' }, /one: the template has no Nothing/],
    [{ 'Fn::GetAtt': ['Table', 'StreamArn'] }, /does not know StreamArn of Table/],
    [{ 'Fn::ImportValue': 'other:Thing' }, /no stack exports other:Thing/],
    [{ 'Fn::If': ['Unknown', 'a', 'b'] }, /there is no condition Unknown/],
    [
      { 'Fn::Sub': 'wss://${Socket}.execute-api.${AWS::Region}.amazonaws.com/v1' },
      /builds wss:\/\/\w+\.execute-api\.… by hand/,
    ],
  ])('%j stops with its name', (value, message) => {
    expect(() => resolved(value)).toThrow(message);
    expect(() => resolved(value)).toThrow(expect.objectContaining({ hint: expect.any(String) }));
  });

  it('hands exports from one stack to another, in the order of their dependencies', () => {
    const one = { Resources: {}, Outputs: { Out: { Value: 'x', Export: { Name: 'one:Out' } } } };
    const Value = { 'Fn::ImportValue': { 'Fn::Sub': 'one:${Name}' } };
    const two = {
      Parameters: { Name: { Type: 'String', Default: 'Out' } },
      Resources: { P: { Type: 'AWS::SSM::Parameter', Properties: { Type: 'String', Value } } },
    };
    const stacks = plan({ one, two });
    expect(stacks.map(({ name }) => name)).toEqual(['one', 'two']);
    expect(stacks[1] && resourcesOf(stacks[1], 'AWS::SSM::Parameter')[0]?.properties.Value).toBe('x');
  });

  it('leaves out what a condition leaves out', () => {
    const Resources = { Q: { Type: 'AWS::SQS::Queue', Condition: 'Never' } };
    expect(
      plan({ one: { Conditions: { Never: { 'Fn::Equals': [1, 2] } }, Resources } })[0]?.resources,
    ).toEqual([]);
  });
});

describe('what the local mode does not know stops the boot by name', () => {
  it('a type', () => {
    const Resources = { Cache: { Type: 'AWS::ElastiCache::CacheCluster' } };
    expect(() => plan({ one: { Resources } })).toThrow(
      'one: Cache is a AWS::ElastiCache::CacheCluster, which the local mode does not know',
    );
    const hint = expect.stringMatching(
      /take it out of lib\/.*local\/template\/types-\*\.ts.*docs\/local\.md/,
    );
    expect(() => plan({ one: { Resources } })).toThrow(expect.objectContaining({ hint }));
  });

  it('a property, also inside another', () => {
    const queue = (Properties: object) => () =>
      plan({ one: { Resources: { Q: { Type: 'AWS::SQS::Queue', Properties } } } });
    expect(queue({ FifoQueue: true })).toThrow(/AWS::SQS::Queue Q: .*FifoQueue/);
    const RedrivePolicy = { deadLetterTargetArn: 'a', maxReceiveCount: 1, other: 2 };
    expect(queue({ RedrivePolicy })).toThrow(/AWS::SQS::Queue Q, RedrivePolicy: .*other/);
  });

  it('a section or attribute of the template', () => {
    expect(() => plan({ one: { Resources: {}, Transform: 'AWS::Serverless-2016-10-31' } })).toThrow(
      /Transform/,
    );
    const Q = { Type: 'AWS::SQS::Queue', UpdatePolicy: {} };
    expect(() => plan({ one: { Resources: { Q } } })).toThrow(/UpdatePolicy/);
  });

  it('a billing mode that is not paid per request', () => {
    const Properties = { KeySchema: [], AttributeDefinitions: [], BillingMode: 'PROVISIONED' };
    expect(() => plan({ one: { Resources: { T: { Type: 'AWS::DynamoDB::Table', Properties } } } })).toThrow(
      /T, BillingMode/,
    );
  });
});
