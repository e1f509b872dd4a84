import { z } from 'zod';
import { policySchema } from './policy-document.ts';
import { arn, integer, resourceType, texts } from './resource-type.ts';

const keySchema = z.array(z.strictObject({ AttributeName: z.string(), KeyType: z.enum(['HASH', 'RANGE']) }));
const projection = z.strictObject({
  ProjectionType: z.enum(['ALL', 'KEYS_ONLY', 'INCLUDE']),
  NonKeyAttributes: z.array(z.string()).optional(),
});
const index = { IndexName: z.string(), KeySchema: keySchema, Projection: projection };

export const table = resourceType({
  nameProperty: 'TableName',
  maxNameLength: 255,
  used: {
    TableName: z.string().optional(),
    KeySchema: keySchema,
    AttributeDefinitions: z.array(
      z.strictObject({ AttributeName: z.string(), AttributeType: z.enum(['S', 'N', 'B']) }),
    ),
    BillingMode: z.literal('PAY_PER_REQUEST'),
    GlobalSecondaryIndexes: z.array(z.strictObject(index)).optional(),
    LocalSecondaryIndexes: z.array(z.strictObject(index)).optional(),
  },
  // Expired items stay readable on AWS too, for up to two days: code must compare times itself.
  withoutEffect: [
    'TimeToLiveSpecification',
    'SSESpecification',
    'PointInTimeRecoverySpecification',
    'DeletionProtectionEnabled',
    'OnDemandThroughput',
    'ContributorInsightsSpecification',
  ],
  attributes: { Arn: (id) => arn(id, 'dynamodb', `table/${id.name}`) },
});

const bucketArn = ({ name }: { name: string }) => `arn:aws:s3:::${name}`;

export const bucket = resourceType({
  nameProperty: 'BucketName',
  maxNameLength: 63,
  lowerCaseName: true,
  used: { BucketName: z.string().optional() },
  withoutEffect: [
    'BucketEncryption',
    'PublicAccessBlockConfiguration',
    'OwnershipControls',
    'VersioningConfiguration',
    'LifecycleConfiguration',
    'LoggingConfiguration',
    'IntelligentTieringConfigurations',
    'AccessControl',
    'ObjectLockEnabled',
  ],
  attributes: { Arn: bucketArn },
});

export const bucketPolicy = resourceType({ used: { Bucket: z.string(), PolicyDocument: policySchema } });

export const queue = resourceType({
  nameProperty: 'QueueName',
  maxNameLength: 80,
  used: {
    QueueName: z.string().optional(),
    VisibilityTimeout: integer.optional(),
    MessageRetentionPeriod: integer.optional(),
    DelaySeconds: integer.optional(),
    ReceiveMessageWaitTimeSeconds: integer.optional(),
    MaximumMessageSize: integer.optional(),
    RedrivePolicy: z.strictObject({ deadLetterTargetArn: z.string(), maxReceiveCount: integer }).optional(),
  },
  withoutEffect: ['SqsManagedSseEnabled', 'KmsMasterKeyId', 'KmsDataKeyReusePeriodSeconds'],
  ref: (id) => `${id.servicesUrl}/${id.accountId}/${id.name}`,
  attributes: { Arn: (id) => arn(id, 'sqs', id.name), QueueName: ({ name }) => name },
});

export const queuePolicy = resourceType({ used: { Queues: texts, PolicyDocument: policySchema } });

const topicArn = (id: Parameters<typeof arn>[0] & { name: string }) => arn(id, 'sns', id.name);

export const topic = resourceType({
  nameProperty: 'TopicName',
  maxNameLength: 256,
  used: { TopicName: z.string().optional() },
  withoutEffect: ['DisplayName', 'KmsMasterKeyId', 'TracingConfig'],
  ref: topicArn,
  attributes: { TopicArn: topicArn, TopicName: ({ name }) => name },
});

export const topicPolicy = resourceType({ used: { Topics: texts, PolicyDocument: policySchema } });

export const parameter = resourceType({
  nameProperty: 'Name',
  maxNameLength: 1011,
  used: { Name: z.string().optional(), Type: z.enum(['String', 'StringList']), Value: z.string() },
  withoutEffect: ['Description', 'Tier', 'AllowedPattern'],
});

/** Stores do not encrypt on one machine; only who asks KMS itself has something encrypted. */
export const kmsKey = resourceType({
  idLength: 32,
  used: {},
  withoutEffect: [
    'KeyPolicy',
    'EnableKeyRotation',
    'RotationPeriodInDays',
    'Description',
    'PendingWindowInDays',
    'Enabled',
    'KeySpec',
    'KeyUsage',
    'MultiRegion',
  ],
  attributes: { Arn: (id) => arn(id, 'kms', `key/${id.name}`), KeyId: ({ name }) => name },
});

export const kmsAlias = resourceType({
  nameProperty: 'AliasName',
  maxNameLength: 256,
  used: { AliasName: z.string(), TargetKeyId: z.string() },
});

export const logGroup = resourceType({
  nameProperty: 'LogGroupName',
  maxNameLength: 512,
  used: { LogGroupName: z.string().optional() },
  withoutEffect: ['RetentionInDays', 'KmsKeyId', 'LogGroupClass'],
  attributes: { Arn: (id) => arn(id, 'logs', `log-group:${id.name}:*`) },
});

/** Nobody is paged by one machine; the functions' own errors stand in the log stream. */
export const alarm = resourceType({
  nameProperty: 'AlarmName',
  maxNameLength: 255,
  used: { AlarmName: z.string().optional() },
  withoutEffect: [
    'AlarmDescription',
    'AlarmActions',
    'OKActions',
    'InsufficientDataActions',
    'ActionsEnabled',
    'ComparisonOperator',
    'DatapointsToAlarm',
    'Dimensions',
    'EvaluationPeriods',
    'EvaluateLowSampleCountPercentile',
    'ExtendedStatistic',
    'MetricName',
    'Metrics',
    'Namespace',
    'Period',
    'Statistic',
    'Threshold',
    'TreatMissingData',
    'Unit',
  ],
  attributes: { Arn: (id) => arn(id, 'cloudwatch', `alarm:${id.name}`) },
});

export const cdkMetadata = resourceType({ used: {}, withoutEffect: ['Analytics'] });
