import { Duration } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction as LambdaTarget } from 'aws-cdk-lib/aws-events-targets';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import type { HoldfastFunction } from './function.ts';

export interface TickProps {
  readonly target: HoldfastFunction;
  /** rate(1 minute), rate(5 minutes) */
  readonly expression: string;
  readonly deadLetterQueue: IQueue;
}

/** Calls a function again and again. A tick that fails is not repeated: the next one does its work. */
export function scheduleTick(scope: Construct, id: string, props: TickProps): Rule {
  return new Rule(scope, id, {
    schedule: Schedule.expression(props.expression),
    targets: [
      new LambdaTarget(props.target.lambda, {
        deadLetterQueue: props.deadLetterQueue,
        retryAttempts: 0,
        maxEventAge: Duration.minutes(1),
      }),
    ],
  });
}

/** How often a rate(…) expression comes round. */
export const periodOf = (expression: string): Duration =>
  Duration.minutes(Number(/\d+/.exec(expression)?.[0] ?? 1));
