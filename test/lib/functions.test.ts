import { beforeAll, describe, expect, it } from '@jest/globals';
import { handlerEntries } from '../../lib/handlers.ts';
import { homeAndCell, ofType, propertiesOf, type SynthesizedStack } from './synthesis.ts';

let stacks: SynthesizedStack[];
const functions = () => stacks.flatMap((stack) => stack.functions.map((fn) => ({ ...fn, stack })));

beforeAll(async () => {
  const { home, cell } = await homeAndCell();
  stacks = [home, cell];
});

interface HandlerModule {
  handler: unknown;
  env: readonly string[];
  cellEnv?: readonly string[];
}

describe('every function', () => {
  it('has exactly the variables that its handler declares', async () => {
    for (const { path, handler, resource, stack } of functions()) {
      const module = (await import(`../../${handlerEntries[handler]}`)) as HandlerModule;
      const isInCell = stack.name !== 'holdfast-home';
      const declared = (isInCell ? module.cellEnv : undefined) ?? module.env;
      const { Variables = {} } = (resource.Properties['Environment'] ?? {}) as { Variables?: object };
      expect({ path, env: Object.keys(Variables).sort() }).toEqual({ path, env: [...declared].sort() });
      expect(module.handler).toBeInstanceOf(Function);
    }
  });

  it('comes from an entry file, and every entry file is deployed', () => {
    const deployed = new Set(functions().map(({ handler }) => handler));
    expect([...deployed].sort()).toEqual(Object.keys(handlerEntries).sort());
  });

  it('runs on Node 24 with a log group that forgets', () => {
    for (const { resource, stack, path } of functions()) {
      const { Runtime, LoggingConfig } = resource.Properties as {
        Runtime: string;
        LoggingConfig: { LogGroup: { Ref: string } };
      };
      const logGroup = stack.resources[LoggingConfig.LogGroup.Ref];
      expect({ path, Runtime, logs: logGroup?.Properties }).toMatchObject({
        path,
        Runtime: 'nodejs24.x',
        logs: { RetentionInDays: 30 },
      });
    }
  });

  it('is logged by its own lines alone, and not by Lambda’s for each run', () => {
    for (const { resource, path } of functions())
      expect({ path, logging: resource.Properties['LoggingConfig'] }).toMatchObject({
        path,
        logging: { LogFormat: 'JSON', SystemLogLevel: 'WARN' },
      });
  });

  it('that connections drive is bounded, so that a storm leaves the API and the status proxies their part', () => {
    const reserved = Object.fromEntries(
      functions().map(({ path, resource }) => [path, resource.Properties['ReservedConcurrentExecutions']]),
    );
    const share = Math.floor(480 / 2 / 9);
    expect(reserved).toMatchObject({
      'holdfast-cell-1/WsAuthorizer': share,
      'holdfast-cell-1/Connect': share,
      'holdfast-cell-1/Disconnect': share,
      'holdfast-cell-1/Hello': share,
      'holdfast-cell-1/StatusIngest': share,
      'holdfast-home/StatusProxy': 1,
      'holdfast-home/Sweeper': 1,
      'holdfast-home/BulkRunner': 1,
      'holdfast-home/Commands': undefined,
    });
  });

  it('raises an alarm for errors and for throttles', () => {
    for (const { logicalId, stack, path } of functions()) {
      const watched = alarmsOf(stack, logicalId).map(({ MetricName }) => MetricName);
      expect({ path, watched }).toEqual({ path, watched: expect.arrayContaining(['Errors', 'Throttles']) });
    }
  });
});

describe('every scheduled function', () => {
  const scheduled = () =>
    stacks.flatMap((stack) =>
      Object.values(ofType(stack, 'AWS::Events::Rule'))
        .filter(({ Properties }) => Properties['ScheduleExpression'])
        .flatMap(({ Properties }) =>
          (Properties['Targets'] as Target[]).map((target) => ({
            ...{ stack, target },
            minutes: Number(/\d+/.exec(Properties['ScheduleExpression'] as string)?.[0]),
          })),
        ),
    );

  it('is missed by an alarm when it is not started', () => {
    expect(scheduled()).toHaveLength(5);
    for (const { stack, target, minutes } of scheduled())
      expect(alarmsOf(stack, target.Arn['Fn::GetAtt'][0])).toContainEqual(
        expect.objectContaining({
          MetricName: 'Invocations',
          ComparisonOperator: 'LessThanThreshold',
          Threshold: 1,
          Period: 60 * minutes,
          TreatMissingData: 'breaching',
        }),
      );
  });

  it('runs alone: a slow tick is not overtaken by the next', () => {
    for (const { stack, target } of scheduled())
      expect(stack.resources[target.Arn['Fn::GetAtt'][0]]?.Properties).toMatchObject({
        ReservedConcurrentExecutions: 1,
      });
  });
});

it('every rule and every function that it starts has a dead-letter queue', () => {
  for (const stack of stacks)
    for (const { Properties } of Object.values(ofType(stack, 'AWS::Events::Rule')))
      for (const target of Properties['Targets'] as Target[]) {
        expect(target.DeadLetterConfig).toBeDefined();
        expect(stack.resources[target.Arn['Fn::GetAtt'][0]]?.Properties['DeadLetterConfig']).toBeDefined();
      }
});

it('alarms may publish to the topic of their stack', () => {
  for (const stack of stacks) {
    const [policy] = propertiesOf(stack, 'AWS::SNS::TopicPolicy');
    const { Statement } = policy?.['PolicyDocument'] as { Statement: object[] };
    expect(Statement).toContainEqual(
      expect.objectContaining({
        Effect: 'Allow',
        Action: 'sns:Publish',
        Principal: { Service: 'cloudwatch.amazonaws.com' },
      }),
    );
  }
});

interface Target {
  Arn: { 'Fn::GetAtt': [string, string] };
  DeadLetterConfig?: object;
}
interface AlarmProperties {
  MetricName?: string;
  Dimensions?: { Value: { Ref?: string } }[];
  AlarmActions?: object[];
}
const alarmsOf = (stack: SynthesizedStack, functionId: string): AlarmProperties[] =>
  Object.values(ofType(stack, 'AWS::CloudWatch::Alarm'))
    .map(({ Properties }) => Properties as AlarmProperties)
    .filter(({ Dimensions = [] }) => Dimensions.some(({ Value }) => Value.Ref === functionId))
    .filter(({ AlarmActions = [] }) => AlarmActions.length > 0);
