import type { InventoryItem, StatusItem } from '../../core/model.ts';
import type { inventoryTable, statusTable } from '../aws/tables.ts';

/** What the ingest writes. Both answer whether they changed anything. */
export interface StatusStore {
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
  'attribute_not_exists(#gatewayId) OR (#heartbeat.#bootId = :boot AND #heartbeat.#seq < :seq) ' +
  'OR (#heartbeat.#bootId <> :boot AND (#heartbeat.#sentAt < :sent OR #epoch < :epoch))';

export function dynamoStatusStore(tables: {
  status: ReturnType<typeof statusTable>;
  inventory: ReturnType<typeof inventoryTable>;
}): StatusStore {
  return {
    putStatus: async (item) => {
      const { bootId, seq, sentAt } = item.heartbeat;
      const values = { ':boot': bootId, ':seq': seq, ':sent': sentAt, ':epoch': item.epoch };
      return (await tables.status.put(item, { condition: isNewer, values })).ok;
    },
    putInventory: async (item) => {
      const condition = 'attribute_not_exists(#gatewayId) OR #inventory.#hash <> :hash';
      return (await tables.inventory.put(item, { condition, values: { ':hash': item.inventory.hash } })).ok;
    },
  };
}
