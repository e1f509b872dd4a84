import { z } from 'zod';
import { policySchema } from './policy-document.ts';
import { arn, integer, resourceType, texts } from './resource-type.ts';

const functionArn = (id: Parameters<typeof arn>[0] & { name: string }) =>
  arn(id, 'lambda', `function:${id.name}`);

export const lambdaFunction = resourceType({
  nameProperty: 'FunctionName',
  used: {
    FunctionName: z.string().optional(),
    Runtime: z.literal('nodejs24.x'),
    Handler: z.string(),
    Role: z.string(),
    Code: z.strictObject({ S3Bucket: z.string(), S3Key: z.string() }),
    Timeout: integer.default(3),
    MemorySize: integer.default(128),
    ReservedConcurrentExecutions: integer.optional(),
    Environment: z.strictObject({ Variables: z.record(z.string(), z.string()).default({}) }).optional(),
    DeadLetterConfig: z.strictObject({ TargetArn: z.string() }).optional(),
    LoggingConfig: z.looseObject({ LogGroup: z.string().optional() }).optional(),
  },
  withoutEffect: [
    'Architectures',
    'Description',
    'TracingConfig',
    'EphemeralStorage',
    'KmsKeyArn',
    'RecursiveLoop',
  ],
  attributes: { Arn: functionArn },
});

export const lambdaPermission = resourceType({
  used: {
    Action: z.literal('lambda:InvokeFunction'),
    FunctionName: z.string(),
    Principal: z.string(),
    SourceArn: z.string().optional(),
    SourceAccount: z.string().optional(),
  },
});

const destination = z.strictObject({ Destination: z.string() });

export const eventInvokeConfig = resourceType({
  used: {
    FunctionName: z.string(),
    Qualifier: z.literal('$LATEST'),
    MaximumRetryAttempts: integer.default(2),
    MaximumEventAgeInSeconds: integer.default(21_600),
    DestinationConfig: z
      .strictObject({ OnFailure: destination.optional(), OnSuccess: destination.optional() })
      .optional(),
  },
});

const inlinePolicy = z.strictObject({ PolicyName: z.string(), PolicyDocument: policySchema });

export const role = resourceType({
  nameProperty: 'RoleName',
  used: {
    RoleName: z.string().optional(),
    AssumeRolePolicyDocument: policySchema,
    Policies: z.array(inlinePolicy).default([]),
    ManagedPolicyArns: z.array(z.string()).default([]),
    MaxSessionDuration: integer.default(3600),
  },
  withoutEffect: ['Description', 'Path'],
  attributes: {
    Arn: (id) => `arn:aws:iam::${id.accountId}:role/${id.name}`,
    RoleId: (id) => `AROA${id.name}`,
  },
});

export const policy = resourceType({
  nameProperty: 'PolicyName',
  maxNameLength: 128,
  used: { PolicyName: z.string(), PolicyDocument: policySchema, Roles: texts },
});

export const managedPolicy = resourceType({
  nameProperty: 'ManagedPolicyName',
  maxNameLength: 128,
  used: { ManagedPolicyName: z.string().optional(), PolicyDocument: policySchema, Roles: texts.default([]) },
  withoutEffect: ['Description', 'Path'],
  ref: (id) => `arn:aws:iam::${id.accountId}:policy/${id.name}`,
});

export const eventBus = resourceType({
  nameProperty: 'Name',
  maxNameLength: 256,
  used: { Name: z.string() },
  withoutEffect: ['Description', 'KmsKeyIdentifier', 'LogConfig'],
  attributes: { Arn: (id) => arn(id, 'events', `event-bus/${id.name}`), Name: ({ name }) => name },
});

export const eventBusPolicy = resourceType({
  used: {},
  withoutEffect: ['EventBusName', 'StatementId', 'Statement', 'Action', 'Principal'],
});

/** Rules of a bus other than the default one carry its name; a bus may be named by its ARN. */
export function ruleArn(place: Parameters<typeof arn>[0], name: string, eventBusName: unknown): string {
  const bus = typeof eventBusName === 'string' ? eventBusName.split('/').at(-1) : 'default';
  return arn(place, 'events', bus === 'default' ? `rule/${name}` : `rule/${bus}/${name}`);
}

export const eventRule = resourceType({
  nameProperty: 'Name',
  used: {
    Name: z.string().optional(),
    EventBusName: z.string().default('default'),
    EventPattern: z.record(z.string(), z.unknown()).optional(),
    ScheduleExpression: z.string().optional(),
    State: z.enum(['ENABLED', 'DISABLED']).default('ENABLED'),
    Targets: z
      .array(
        z.strictObject({
          Id: z.string(),
          Arn: z.string(),
          Input: z.string().optional(),
          DeadLetterConfig: z.strictObject({ Arn: z.string() }).optional(),
          RetryPolicy: z
            .strictObject({
              MaximumRetryAttempts: integer.optional(),
              MaximumEventAgeInSeconds: integer.optional(),
            })
            .optional(),
        }),
      )
      .default([]),
  },
  withoutEffect: ['Description'],
  attributes: { Arn: (id) => ruleArn(id, id.name, id.property('EventBusName')) },
});
