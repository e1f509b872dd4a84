import { Arn, ArnFormat, Stack } from 'aws-cdk-lib';
import { Key } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { targetNamePrefix } from '../core/subscriptions/targets.ts';
import type { HoldfastFunction } from './function.ts';
import { acknowledgeWildcard } from './nag.ts';

/**
 * Lets the function send to tenants' queues, topics and buses: by their prefix in this account, and in other accounts
 * only where the target's own policy lets Holdfast in as well.
 */
export function allowAlertTargets(fn: HoldfastFunction): void {
  const named = (service: string, more: { resource: string; resourceName?: string }) =>
    Arn.format(
      {
        ...{ service, region: '*', account: '*', ...more },
        arnFormat: more.resourceName ? ArnFormat.SLASH_RESOURCE_NAME : ArnFormat.NO_RESOURCE_NAME,
      },
      Stack.of(fn),
    );
  const every = `${targetNamePrefix}*`;
  const grants = {
    'sqs:SendMessage': named('sqs', { resource: every }),
    'sns:Publish': named('sns', { resource: every }),
    'events:PutEvents': named('events', { resource: 'event-bus', resourceName: every }),
  };
  for (const [action, resource] of Object.entries(grants)) {
    fn.allow([action], [resource]);
    acknowledgeWildcard(
      fn,
      resource,
      'Subscribers bring targets of their own, known only at run time; the prefix keeps everything else out of reach.',
    );
  }
}

/** Seals the secrets that webhooks' messages are signed with. Who seals cannot open. */
export function createWebhookKey(scope: Construct, id: string): Key {
  return new Key(scope, id, {
    description: 'Secrets of Holdfast’s webhooks',
    enableKeyRotation: true,
  });
}
