import { HoldfastError } from '../core/errors.ts';
import { functionNameOf } from './functions/functions.ts';
import type { KeyRing } from './iam/keys.ts';
import { serviceMay } from './iam/policy.ts';
import type { Region } from './region.ts';
import { signedCall } from './services/root-client.ts';
import { rootUser } from './services/identities.ts';
import { resourcesOf, type StackPlan } from './template/plan.ts';
import { templateError } from './template/template-error.ts';

const sessionMs = 15 * 60_000;

/** What Lambda and EventBridge send on their own: failed events to queues, as signed requests like everybody's. */
export class Deliveries {
  readonly #region: Region;
  readonly #keys: KeyRing;
  readonly #servicesUrl: string;

  constructor(region: Region, keys: KeyRing, servicesUrl: string) {
    this.#region = region;
    this.#keys = keys;
    this.#servicesUrl = servicesUrl;
  }

  /** A function's dead letter or destination, with the rights of the function's role. */
  async asRole(queueArn: string, body: string, roleArn: string): Promise<void> {
    const expiresAtMs = Date.now() + sessionMs;
    await this.#sendMessage(
      queueArn,
      body,
      {},
      this.#keys.openSession({ roleArn, sessionName: 'destination', expiresAtMs }),
    );
  }

  /** A rule's dead letter: the queue's own policy must let EventBridge send for this rule. */
  async asEventBridge(
    queueArn: string,
    body: string,
    attributes: Record<string, string>,
    ruleArn: string,
  ): Promise<void> {
    const question = {
      action: 'sqs:SendMessage',
      resource: queueArn,
      context: { 'aws:sourcearn': [ruleArn] },
    };
    if (!serviceMay('events.amazonaws.com', this.#region.resourcePolicies.get(queueArn), question))
      throw new HoldfastError(
        'FORBIDDEN',
        `${queueArn} does not let events.amazonaws.com send for ${ruleArn}`,
      );
    await this.#sendMessage(queueArn, body, attributes, this.#keys.userKey(rootUser));
  }

  /** What a customer's rule leads to: policies that are set at run time are not looked at. */
  toCustomersQueue(queueArn: string, body: string): Promise<void> {
    return this.#sendMessage(queueArn, body, {}, this.#keys.userKey(rootUser));
  }

  async #sendMessage(
    queueArn: string,
    body: string,
    attributes: Record<string, string>,
    credentials: ReturnType<KeyRing['userKey']>,
  ): Promise<void> {
    const { accountId, region } = this.#region.settings;
    const message = {
      QueueUrl: `${this.#servicesUrl}/${accountId}/${queueArn.split(':').at(-1)}`,
      MessageBody: body,
      MessageAttributes: Object.fromEntries(
        Object.entries(attributes).map(([name, StringValue]) => [name, { DataType: 'String', StringValue }]),
      ),
    };
    await signedCall({
      url: `${this.#servicesUrl}/`,
      service: 'sqs',
      region,
      credentials,
      headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AmazonSQS.SendMessage' },
      body: JSON.stringify(message),
    });
  }
}

/** Throws CONFIG for a dead letter or destination that is no queue of the template. */
export function checkDestinations(plan: StackPlan, region: Region): void {
  const check = (where: string, targetArn: string | undefined) => {
    if (targetArn === undefined) return;
    const [, , service, , , name = ''] = targetArn.split(':');
    if (service !== 'sqs' || !region.ownerOf('AWS::SQS::Queue', name))
      throw templateError(
        `${plan.name}: ${where} goes to ${targetArn}; only queues of the template can take it locally`,
      );
  };
  for (const { logicalId, properties } of resourcesOf(plan, 'AWS::Lambda::Function'))
    check(`the dead letters of ${logicalId}`, properties.DeadLetterConfig?.TargetArn);
  for (const { properties } of resourcesOf(plan, 'AWS::Lambda::EventInvokeConfig')) {
    const name = functionNameOf(properties.FunctionName);
    check(`what fails in ${name}`, properties.DestinationConfig?.OnFailure?.Destination);
    check(`what succeeds in ${name}`, properties.DestinationConfig?.OnSuccess?.Destination);
  }
  for (const { logicalId, properties } of resourcesOf(plan, 'AWS::Events::Rule'))
    for (const { DeadLetterConfig } of properties.Targets)
      check(`the dead letters of ${logicalId}`, DeadLetterConfig?.Arn);
}
