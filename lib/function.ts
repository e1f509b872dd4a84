import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Effect, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  Architecture,
  Code,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  SystemLogLevel,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { EnvName } from '../core/env.ts';
import type { Bundles } from './bundle.ts';
import type { Config } from './config.ts';
import type { HandlerName } from './handlers.ts';
import type { HoldfastTable, TableAction } from './tables.ts';

/** What every stack of one deployment shares. */
export interface Deployment {
  readonly config: Config;
  readonly bundles: Bundles;
}

export interface HoldfastFunctionProps {
  readonly deployment: Deployment;
  readonly handler: HandlerName;
  readonly description: string;
  /** @default - CloudFormation makes one up; set where others invoke the function by name. */
  readonly functionName?: string;
  /** @default 10 s: inside API Gateway's 29 s. */
  readonly timeout?: Duration;
  /** MiB; CPU grows with it. @default 512 */
  readonly memorySizeMiB?: number;
  /** Kept for it, and not exceeded, where the configuration names none. @default - of the account's as it comes */
  readonly reservedConcurrency?: number;
  /** Where events of asynchronous callers go that failed. @default - the function is called synchronously */
  readonly deadLetterQueue?: IQueue;
  /** Retries of an asynchronous event. @default 2 */
  readonly retryAttempts?: number;
  /** How old an asynchronous event may be when it is run. @default 15 min */
  readonly maxEventAge?: Duration;
}

/**
 * A handler as a Lambda function with a role of its own that starts with its own log group and nothing else.
 * What the function is given to use (a table, a bucket) sets its environment variable and its permission at once.
 */
export class HoldfastFunction extends Construct {
  readonly lambda: LambdaFunction;
  readonly handler: HandlerName;
  readonly #role: Role;

  constructor(scope: Construct, id: string, props: HoldfastFunctionProps) {
    super(scope, id);
    this.handler = props.handler;
    const { config, bundles } = props.deployment;
    const logGroup = new LogGroup(this, 'Logs', {
      retention: config.logRetentionDays as RetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.#role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    logGroup.grantWrite(this.#role);
    this.lambda = new LambdaFunction(this, 'Function', {
      functionName: props.functionName,
      description: props.description,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      handler: 'index.handler',
      code: Code.fromAsset(bundles.directoryOf(props.handler)),
      role: this.#role,
      logGroup,
      // START, END and REPORT would be half of what is logged; every run says of itself what they say.
      loggingFormat: LoggingFormat.JSON,
      systemLogLevelV2: SystemLogLevel.WARN,
      timeout: props.timeout ?? Duration.seconds(10),
      memorySize: props.memorySizeMiB ?? 512,
      reservedConcurrentExecutions: config.reservedConcurrency[id] ?? props.reservedConcurrency,
      deadLetterQueue: props.deadLetterQueue,
      retryAttempts: props.deadLetterQueue ? (props.retryAttempts ?? 2) : undefined,
      maxEventAge: props.deadLetterQueue ? (props.maxEventAge ?? Duration.minutes(15)) : undefined,
    });
  }

  setEnv(name: EnvName, value: string | number): this {
    this.lambda.addEnvironment(name, String(value));
    return this;
  }

  allow(actions: string[], resources: string[]): this {
    this.#role.addToPolicy(new PolicyStatement({ effect: Effect.ALLOW, actions, resources }));
    return this;
  }

  /** Names the table in the environment and allows exactly these actions on it. */
  useTable({ table, envName, indexArn }: HoldfastTable, ...actions: TableAction[]): this {
    const onTable = actions.filter((action) => !action.includes(':')).map(dynamodbAction);
    if (onTable.length > 0) this.allow(onTable, [table.tableArn]);
    for (const action of actions) {
      const [verb, index] = action.split(':');
      if (index) this.allow([dynamodbAction(verb as TableAction)], [indexArn(index)]);
    }
    return this.setEnv(envName, table.tableName);
  }
}

const dynamodbAction = (action: TableAction): string =>
  `dynamodb:${
    {
      get: 'GetItem',
      batchGet: 'BatchGetItem',
      query: 'Query',
      scan: 'Scan',
      insert: 'PartiQLInsert',
      put: 'PutItem',
      update: 'UpdateItem',
      delete: 'DeleteItem',
    }[action as 'get']
  }`;
