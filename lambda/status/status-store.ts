import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { GetCommand, PutCommand, type DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { GatewayItem, InventoryItem, StatusItem } from '../../core/model.ts';

/** What the ingest reads and writes. Both puts answer whether they changed anything. */
export interface StatusStore {
  gateway(gatewayId: string): Promise<GatewayItem | undefined>;
  /** Keeps the newer heartbeat, so that duplicates and backfill may come in any order. */
  putStatus(item: StatusItem): Promise<boolean>;
  /** Writes an inventory whose hash is another. */
  putInventory(item: InventoryItem): Promise<boolean>;
}

/**
 * Newer is: a later number of the same boot; of another boot, one that was sent later or came over a newer
 * connection (a clock that was set back must not silence a gateway).
 */
const isNewer =
  'attribute_not_exists(gatewayId) OR (heartbeat.bootId = :boot AND heartbeat.seq < :seq) ' +
  'OR (heartbeat.bootId <> :boot AND (heartbeat.sentAt < :sent OR epoch < :epoch))';

export function dynamoStatusStore(
  client: DynamoDBDocumentClient,
  tables: { gateways: string; status: string; inventory: string },
): StatusStore {
  const putIf = async (command: PutCommand): Promise<boolean> => {
    try {
      await client.send(command);
      return true;
    } catch (thrown) {
      if (thrown instanceof ConditionalCheckFailedException) return false;
      throw thrown;
    }
  };
  return {
    gateway: async (gatewayId) => {
      const { Item } = await client.send(new GetCommand({ TableName: tables.gateways, Key: { gatewayId } }));
      return Item as GatewayItem | undefined;
    },
    putStatus: (item) =>
      putIf(
        new PutCommand({
          TableName: tables.status,
          Item: item,
          ConditionExpression: isNewer,
          ExpressionAttributeValues: {
            ':boot': item.heartbeat.bootId,
            ':seq': item.heartbeat.seq,
            ':sent': item.heartbeat.sentAt,
            ':epoch': item.epoch,
          },
        }),
      ),
    putInventory: (item) =>
      putIf(
        new PutCommand({
          TableName: tables.inventory,
          Item: item,
          ConditionExpression: 'attribute_not_exists(gatewayId) OR inventory.#hash <> :hash',
          ExpressionAttributeNames: { '#hash': 'hash' },
          ExpressionAttributeValues: { ':hash': item.inventory.hash },
        }),
      ),
  };
}
