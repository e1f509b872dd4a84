import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient, paginateQuery } from '@aws-sdk/lib-dynamodb';
import { requireEnv } from '../../core/env.ts';
import { jsonLog } from '../../core/log.ts';
import type { SubscriptionItem } from '../../core/model.ts';
import { routeAlert, type RouterDeps } from './route-alert.ts';

export function routerDeps(env: Record<string, string | undefined>): RouterDeps {
  const client = DynamoDBDocumentClient.from(new DynamoDBClient({}));
  const sqs = new SQSClient({});
  const TableName = requireEnv(env, 'SUBSCRIPTIONS_TABLE');
  return {
    subscriptions: async (tenantId) => {
      const items: SubscriptionItem[] = [];
      const query = {
        TableName,
        KeyConditionExpression: 'tenantId = :tenant',
        ExpressionAttributeValues: { ':tenant': tenantId },
      };
      for await (const { Items = [] } of paginateQuery({ client }, query))
        items.push(...(Items as SubscriptionItem[]));
      return items;
    },
    send: async (QueueUrl, message) => {
      await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(message) }));
    },
    log: jsonLog((line) => process.stdout.write(`${line}\n`), Date.now),
  };
}

let deps: RouterDeps | undefined;

/** Target of the alert bus's rule. */
export const handler = (event: { detail?: unknown }): Promise<void> =>
  routeAlert((deps ??= routerDeps(process.env)), event.detail);
