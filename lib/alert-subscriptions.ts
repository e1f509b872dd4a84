import { Duration } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { allowAlertTargets, createWebhookKey } from './alert-targets.ts';
import type { HoldfastFunction, HoldfastFunctionProps } from './function.ts';
import type { HomeTables } from './tables.ts';

type FunctionProps = Omit<HoldfastFunctionProps, 'deployment' | 'deadLetterQueue'> & {
  asynchronous?: boolean;
};
export interface AlertSubscriptionsProps {
  readonly tables: HomeTables;
  readonly loopbackWebhooks: string;
  /** What every scheduled function is made with. */
  readonly tick: Partial<FunctionProps>;
  /** Makes a function of the home stack. */
  readonly create: (id: string, props: FunctionProps) => HoldfastFunction;
}

/**
 * Where alerts go: the function that puts events into lanes, the one that sends what a subscription's lanes hold, the one
 * that starts it where something waits, and the API of subscriptions. Only the second reaches anything of a tenant's.
 */
export class AlertSubscriptions {
  readonly api: HoldfastFunction;
  readonly delivery: HoldfastFunction;
  readonly router: HoldfastFunction;
  /** Scheduled. */
  readonly retries: HoldfastFunction;

  constructor(scope: Construct, props: AlertSubscriptionsProps) {
    const { tables, create } = props;
    const key = createWebhookKey(scope, 'WebhookKey');
    this.delivery = create('AlertDelivery', {
      handler: 'AlertDelivery',
      description: 'Sends alerts to where tenants want them',
      timeout: Duration.seconds(50),
      asynchronous: true,
      // What failed is due again at the next tick.
      retryAttempts: 0,
    })
      .useTable(tables.subscriptions, 'get', 'update')
      .useTable(tables.alertLanes, 'get', 'put', 'query:due')
      .useTable(tables.deadLetters, 'put')
      .setEnv('WEBHOOK_KEY_ARN', key.keyArn)
      .setEnv('LOOPBACK_WEBHOOKS', props.loopbackWebhooks)
      .allow(['kms:Decrypt'], [key.keyArn]);
    allowAlertTargets(this.delivery);

    this.router = create('SubscriptionRouter', {
      handler: 'SubscriptionRouter',
      description: 'Puts alert events into the lanes of the subscriptions that are for them',
      asynchronous: true,
    })
      .useTable(tables.subscriptions, 'get', 'query', 'update')
      .useTable(tables.alertLanes, 'get', 'put')
      .useTable(tables.deadLetters, 'put');
    this.#useDelivery(this.router);

    this.retries = create('AlertRetries', {
      handler: 'AlertRetries',
      description: 'Starts the deliveries that are due',
      ...props.tick,
    }).useTable(tables.subscriptions, 'query:due');
    this.#useDelivery(this.retries);

    this.api = create('Subscriptions', {
      handler: 'Subscriptions',
      description: 'Subscriptions to alerts, their secrets and dead letters',
    })
      .useTable(tables.subscriptions, 'get', 'put', 'update', 'delete', 'query')
      .useTable(tables.alertLanes, 'get', 'put', 'query:due')
      .useTable(tables.deadLetters, 'put', 'batchGet', 'delete', 'query')
      .useTable(tables.sendBudgets, 'get', 'update')
      .useTable(tables.audit, 'insert')
      .setEnv('WEBHOOK_KEY_ARN', key.keyArn)
      .setEnv('LOOPBACK_WEBHOOKS', props.loopbackWebhooks)
      .allow(['kms:Encrypt'], [key.keyArn]);
    this.#useDelivery(this.api);
  }

  #useDelivery(fn: HoldfastFunction): void {
    fn.allow(['lambda:InvokeFunction'], [this.delivery.lambda.functionArn]);
    fn.setEnv('ALERT_DELIVERY_FUNCTION', this.delivery.lambda.functionName);
  }
}
