import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { GetCommand, paginateQuery, PutCommand, type DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { openShards } from '../../core/alerts/alert-key.ts';
import type { AlertItem } from '../../core/model.ts';
import type { AlertStore } from './tick.ts';

/** The Alerts table. The client must drop undefined values (`marshallOptions.removeUndefinedValues`). */
export function dynamoAlertStore(client: DynamoDBDocumentClient, TableName: string): AlertStore {
  return {
    open: async () =>
      (await Promise.all(openShards.map((shard) => openOfShard(client, TableName, shard)))).flat(),
    get: async (alertKey) => {
      const { Item } = await client.send(
        new GetCommand({ TableName, Key: { alertKey }, ConsistentRead: true }),
      );
      return Item as AlertItem | undefined;
    },
    put: async (item) => {
      const isNew = item.version === 1;
      try {
        await client.send(
          new PutCommand({
            TableName,
            Item: item,
            ConditionExpression: isNew ? 'attribute_not_exists(alertKey)' : '#v = :v',
            ...(isNew
              ? {}
              : {
                  ExpressionAttributeNames: { '#v': 'version' },
                  ExpressionAttributeValues: { ':v': item.version - 1 },
                }),
          }),
        );
        return true;
      } catch (thrown) {
        if (thrown instanceof ConditionalCheckFailedException) return false;
        throw thrown;
      }
    },
  };
}

/** The open alerts of one shard, from the sparse index. */
export async function openOfShard(
  client: DynamoDBDocumentClient,
  TableName: string,
  openShard: string,
): Promise<AlertItem[]> {
  const items: AlertItem[] = [];
  const pages = paginateQuery(
    { client },
    {
      TableName,
      IndexName: 'open',
      KeyConditionExpression: 'openShard = :shard',
      ExpressionAttributeValues: { ':shard': openShard },
    },
  );
  for await (const { Items = [] } of pages) items.push(...(Items as AlertItem[]));
  return items;
}
