import type { z } from 'zod';
import * as compute from './types-compute.ts';
import * as gateway from './types-gateway.ts';
import * as storage from './types-storage.ts';

/** Every CloudFormation type that boots on one machine. Whatever is not listed stops the boot with its name. */
export const resourceTypes = {
  'AWS::ApiGateway::Account': gateway.account,
  'AWS::ApiGatewayV2::Api': gateway.api,
  'AWS::ApiGatewayV2::Authorizer': gateway.authorizer,
  'AWS::ApiGatewayV2::Integration': gateway.integration,
  'AWS::ApiGatewayV2::Route': gateway.route,
  'AWS::ApiGatewayV2::Stage': gateway.stage,
  'AWS::CDK::Metadata': storage.cdkMetadata,
  'AWS::CloudWatch::Alarm': storage.alarm,
  'AWS::DynamoDB::Table': storage.table,
  'AWS::Events::EventBus': compute.eventBus,
  'AWS::Events::EventBusPolicy': compute.eventBusPolicy,
  'AWS::Events::Rule': compute.eventRule,
  'AWS::IAM::ManagedPolicy': compute.managedPolicy,
  'AWS::IAM::Policy': compute.policy,
  'AWS::IAM::Role': compute.role,
  'AWS::KMS::Alias': storage.kmsAlias,
  'AWS::KMS::Key': storage.kmsKey,
  'AWS::Lambda::EventInvokeConfig': compute.eventInvokeConfig,
  'AWS::Lambda::Function': compute.lambdaFunction,
  'AWS::Lambda::Permission': compute.lambdaPermission,
  'AWS::Logs::LogGroup': storage.logGroup,
  'AWS::S3::Bucket': storage.bucket,
  'AWS::S3::BucketPolicy': storage.bucketPolicy,
  'AWS::SNS::Topic': storage.topic,
  'AWS::SNS::TopicPolicy': storage.topicPolicy,
  'AWS::SQS::Queue': storage.queue,
  'AWS::SQS::QueuePolicy': storage.queuePolicy,
  'AWS::SSM::Parameter': storage.parameter,
} as const;

/** Types and properties that boot here, as docs/local.md lists them. Any type may have Tags, without effect. */
export const knownTypes: Readonly<Record<string, { used: string[]; withoutEffect: readonly string[] }>> =
  Object.fromEntries(
    Object.entries(resourceTypes).map(([name, { schema, withoutEffect }]) => {
      const ignored: readonly string[] = ['Tags', ...withoutEffect];
      return [name, { used: Object.keys(schema.shape).filter((p) => !ignored.includes(p)), withoutEffect }];
    }),
  );

export type TypeName = keyof typeof resourceTypes;
export type PropertiesOf<T extends TypeName> = z.infer<(typeof resourceTypes)[T]['schema']>;
