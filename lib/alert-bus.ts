import { EventBus, Rule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction as LambdaTarget } from 'aws-cdk-lib/aws-events-targets';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { alertEventSource } from '../core/alert-event.ts';

/**
 * Carries alert events. A bus takes about 300 rules, so subscribers do not get one each: a single rule leads to
 * the router, which knows the subscriptions. Operators may add rules of their own.
 */
export class AlertBus extends Construct {
  readonly bus: EventBus;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.bus = new EventBus(this, 'Bus', { description: 'Alerts of Holdfast' });
  }

  routeTo(router: IFunction, deadLetterQueue: IQueue): Rule {
    return new Rule(this, 'ToRouter', {
      description: 'Every alert event goes to the subscription router',
      eventBus: this.bus,
      eventPattern: { source: [alertEventSource] },
      targets: [new LambdaTarget(router, { deadLetterQueue })],
    });
  }
}
