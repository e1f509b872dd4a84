import { beforeAll, describe, expect, it, test } from '@jest/globals';
import { homeAndCell, ofType, propertiesOf, type Resource, type SynthesizedStack } from './synthesis.ts';

let home: SynthesizedStack;
let cell: SynthesizedStack;
beforeAll(async () => {
  ({ home, cell } = await homeAndCell());
});

interface Schema {
  KeySchema: { AttributeName: string; KeyType: string }[];
}
interface Index extends Schema {
  IndexName: string;
  Projection: { ProjectionType: string };
}
interface TableProperties extends Schema {
  AttributeDefinitions: { AttributeName: string; AttributeType: string }[];
  GlobalSecondaryIndexes?: Index[];
  LocalSecondaryIndexes?: Index[];
}

/** `gatewayId / commandId:N`, as core/model.ts writes it, with the types that are not text. */
function keys({ KeySchema }: Schema, { AttributeDefinitions }: TableProperties): string {
  const typed = KeySchema.map(({ AttributeName }) => {
    const type = AttributeDefinitions.find((each) => each.AttributeName === AttributeName)?.AttributeType;
    return type === 'S' ? AttributeName : `${AttributeName}:${type}`;
  });
  return typed.join(' / ');
}

function describeTables(stack: SynthesizedStack): Record<string, Record<string, string>> {
  const tables = Object.entries(ofType(stack, 'AWS::DynamoDB::Table')).map(([logicalId, { Properties }]) => {
    const table = Properties as unknown as TableProperties;
    const indexes = [
      ...(table.GlobalSecondaryIndexes ?? []).map((index) => ({ ...index, kind: 'global' })),
      ...(table.LocalSecondaryIndexes ?? []).map((index) => ({ ...index, kind: 'local' })),
    ].map((index) => [
      index.IndexName,
      `${index.kind} ${keys(index, table)} ${index.Projection.ProjectionType}`,
    ]);
    const name = logicalId.replace(/^Tables|[0-9A-F]{8}$/g, '');
    return [name, { key: keys(table, table), ...(Object.fromEntries(indexes) as object) }];
  });
  return Object.fromEntries(tables) as Record<string, Record<string, string>>;
}

describe('the tables', () => {
  it('of home have the keys and indexes of the model', () => {
    expect(describeTables(home)).toEqual({
      Gateways: {
        key: 'gatewayId',
        byTenant: 'global tenantId / gatewayId KEYS_ONLY',
        byNews: 'global newsShard / newsAt:N KEYS_ONLY',
      },
      Commands: {
        key: 'gatewayId / commandId',
        open: 'local gatewayId / openSeq:N ALL',
        byTime: 'local gatewayId / createdAt:N ALL',
        openByShard: 'global openShard / dueAt:N KEYS_ONLY',
      },
      Configurations: { key: 'gatewayId' },
      ConditionSettings: { key: 'tenantId' },
      Cells: { key: 'scope' },
      BulkSends: {
        key: 'bulkId',
        open: 'global openShard / dueAt:N KEYS_ONLY',
        byTenant: 'global tenantId / createdAt:N KEYS_ONLY',
      },
      BulkTargets: { key: 'bulkId / gatewayId' },
      Status: { key: 'gatewayId' },
      Inventory: { key: 'gatewayId' },
      Rollups: { key: 'gatewayId / rollupKey' },
      Alerts: {
        key: 'alertKey',
        open: 'global openShard ALL',
        byTenant: 'global tenantId / changedAt:N ALL',
      },
      Patterns: { key: 'itemKey' },
      ActivationCodes: { key: 'codeHash' },
      Tokens: { key: 'tokenHash', byTenant: 'global tenantId / tokenId ALL' },
      Subscriptions: {
        key: 'tenantId / subscriptionId',
        due: 'global openShard / dueAt:N KEYS_ONLY',
      },
      AlertLanes: { key: 'deliveryKey / alertKey', due: 'local deliveryKey / dueAt:N ALL' },
      DeadLetters: { key: 'deliveryKey / letterId' },
      SendBudgets: { key: 'tenantId' },
      Silences: { key: 'tenantId / silenceId' },
      Audit: { key: 'tenantId / entryKey', byGateway: 'global gatewayKey / entryKey ALL' },
    });
  });

  it('of a cell hold who is connected, for as long as that can be', () => {
    expect(describeTables(cell)).toEqual({ Connections: { key: 'gatewayId' } });
    expect(propertiesOf(cell, 'AWS::DynamoDB::Table')).toMatchObject([
      { TimeToLiveSpecification: { AttributeName: 'expiresAtSec', Enabled: true } },
    ]);
  });

  it('are encrypted, can be put back to any second, and stay when their stack goes', () => {
    for (const table of [home, cell].flatMap((stack) => Object.values(ofType(stack, 'AWS::DynamoDB::Table'))))
      expect(table).toMatchObject({
        DeletionPolicy: 'Retain',
        UpdateReplacePolicy: 'Retain',
        Properties: {
          BillingMode: 'PAY_PER_REQUEST',
          DeletionProtectionEnabled: true,
          PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
          SSESpecification: { SSEEnabled: true },
        },
      });
  });
});

describe('every bucket', () => {
  const buckets = (): [string, Resource][] => Object.entries(ofType(home, 'AWS::S3::Bucket'));

  it('is closed to the public, encrypted, and kept', () => {
    expect(buckets()).toHaveLength(2);
    for (const [, bucket] of buckets())
      expect(bucket).toMatchObject({
        DeletionPolicy: 'Retain',
        Properties: {
          BucketEncryption: expect.anything(),
          PublicAccessBlockConfiguration: {
            BlockPublicAcls: true,
            BlockPublicPolicy: true,
            IgnorePublicAcls: true,
            RestrictPublicBuckets: true,
          },
        },
      });
  });

  it('refuses requests without TLS 1.2', () => {
    const policies = Object.values(ofType(home, 'AWS::S3::BucketPolicy'));
    for (const [logicalId] of buckets()) {
      const own = policies.find(
        ({ Properties }) => (Properties['Bucket'] as { Ref: string }).Ref === logicalId,
      );
      const { Statement } = own?.Properties['PolicyDocument'] as { Statement: object[] };
      expect(Statement).toContainEqual(
        expect.objectContaining({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
      );
      expect(Statement).toContainEqual(
        expect.objectContaining({
          Effect: 'Deny',
          Condition: { NumericLessThan: { 's3:TlsVersion': 1.2 } },
        }),
      );
    }
  });
});

test('a snapshot that was deleted can be had back for a month; a bundle is gone after one', () => {
  expect(propertiesOf(home, 'AWS::S3::Bucket')).toContainEqual(
    expect.objectContaining({
      VersioningConfiguration: { Status: 'Enabled' },
      LifecycleConfiguration: {
        Rules: [
          expect.objectContaining({ Id: 'deleted', NoncurrentVersionExpiration: { NoncurrentDays: 30 } }),
          expect.objectContaining({
            Id: 'diagnostics',
            Prefix: 'diagnostics/',
            ExpirationInDays: 30,
            NoncurrentVersionExpiration: { NoncurrentDays: 1 },
          }),
          expect.objectContaining({
            Id: 'abandoned-uploads',
            AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
          }),
        ],
      },
    }),
  );
});
