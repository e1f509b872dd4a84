import { Duration, Stack } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  TreatMissingData,
  type AlarmProps,
  type IMetric,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { HoldfastFunction } from './function.ts';

export interface AlarmsProps {
  /** @default - nobody is subscribed to the topic */
  readonly email?: string;
}

/** Alarms of one stack and the topic that they are sent to. */
export class Alarms extends Construct {
  readonly topic: Topic;

  constructor(scope: Construct, id: string, props: AlarmsProps = {}) {
    super(scope, id);
    this.topic = new Topic(this, 'Topic', { enforceSSL: true });
    // A topic that has a policy of its own loses the default one, by which the account's alarms may publish.
    this.topic.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [this.topic.topicArn],
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    );
    if (props.email) this.topic.addSubscription(new EmailSubscription(props.email));
  }

  /** Errors and throttles of a function. */
  watchFunction({ node, lambda }: HoldfastFunction): void {
    const period = Duration.minutes(5);
    this.#raise(`${node.id}Errors`, {
      metric: lambda.metricErrors({ period }),
      alarmDescription: `${node.id} failed; its log group has the reason`,
    });
    this.#raise(`${node.id}Throttles`, {
      metric: lambda.metricThrottles({ period }),
      alarmDescription: `${node.id} was refused a run; see its reserved concurrency and the account's`,
      evaluationPeriods: 3,
    });
  }

  /** Says so when a scheduled function was not even started for three of its periods: silence is not health. */
  watchHeartbeat({ node, lambda }: HoldfastFunction, period: Duration): void {
    this.#raise(`${node.id}DeadMan`, {
      metric: lambda.metricInvocations({ period }),
      alarmDescription: `${node.id} was not started by its schedule`,
      comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
      evaluationPeriods: 3,
      treatMissingData: TreatMissingData.BREACHING,
    });
  }

  watchDeadLetters(queue: IQueue): void {
    this.#raise('DeadLetters', {
      metric: queue.metricApproximateNumberOfMessagesVisible({ period: Duration.minutes(5) }),
      alarmDescription: 'Events that nobody could handle are waiting for a person',
    });
  }

  watchServerErrors(metric: IMetric): void {
    this.#raise('ServerErrors', {
      metric,
      alarmDescription: 'The HTTP API answered with server errors',
      threshold: 5,
    });
  }

  #raise(id: string, props: Partial<AlarmProps> & Pick<AlarmProps, 'metric'>): void {
    const alarm = new Alarm(this, id, {
      threshold: 1,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
      ...props,
    });
    const toTopic = new SnsAction(this.topic);
    alarm.addAlarmAction(toTopic);
    alarm.addOkAction(toTopic);
  }
}
