import { needsHistory, nextHistory } from '../../core/conditions/history.ts';
import type { InventoryItem, StatusItem } from '../../core/model.ts';
import type { RollupItem } from '../../core/rollups/rollup-item.ts';
import type { inventoryTable, rollupsTable, statusTable } from '../aws/tables.ts';
import { mergeRollup } from './merge-rollup.ts';

/** What the ingest writes. Each answers whether it changed anything. */
export interface StatusStore {
  /**
   * Keeps the newer heartbeat, so that duplicates and backfill may come in any order; where it matters, with what is
   * remembered of those before it.
   */
  putStatus(item: StatusItem): Promise<boolean>;
  /** Writes an inventory whose hash is another. */
  putInventory(item: InventoryItem): Promise<boolean>;
  /** Of each bucket the account stays that measured more: duplicates and accounts of a part may come in any order. */
  mergeRollup(item: RollupItem): Promise<boolean>;
}

/**
 * Newer is: a later number of the same boot; of another boot, one that was sent later or came over a newer
 * connection (a clock that was set back must not silence a gateway).
 */
const isNewer =
  'attribute_not_exists(#gatewayId) OR (#heartbeat.#bootId = :boot AND #heartbeat.#seq < :seq) ' +
  'OR (#heartbeat.#bootId <> :boot AND (#heartbeat.#sentAt < :sent OR #epoch < :epoch))';
/** The one that the history was made from is still there. */
const isStill = '#heartbeat.#bootId = :fromBoot AND #heartbeat.#seq = :fromSeq';
/** Frames of one gateway at the same time: its newest is there in the end. */
const conflictsMax = 4;

export function dynamoStatusStore(tables: {
  status: ReturnType<typeof statusTable>;
  inventory: ReturnType<typeof inventoryTable>;
  rollups: ReturnType<typeof rollupsTable>;
}): StatusStore {
  const { status } = tables;
  const putNewer = (item: StatusItem, from?: StatusItem) => {
    const { bootId, seq, sentAt } = item.heartbeat;
    const values = { ':boot': bootId, ':seq': seq, ':sent': sentAt, ':epoch': item.epoch };
    if (!from) return status.put(item, { condition: isNewer, values });
    const fromValues = { ':fromBoot': from.heartbeat.bootId, ':fromSeq': from.heartbeat.seq };
    return status.put(item, {
      condition: `(${isNewer}) AND ${isStill}`,
      values: { ...values, ...fromValues },
    });
  };
  return {
    putStatus: async (item) => {
      if (!needsHistory(item.heartbeat)) return (await putNewer(item)).ok;
      let from = await status.get({ gatewayId: item.gatewayId });
      for (let conflict = 0; conflict < conflictsMax; conflict++) {
        const written = await putNewer({ ...item, history: nextHistory(from, item.heartbeat) }, from);
        if (written.ok) return true;
        if (isSame(from, written.current)) return false; // nobody wrote in between: it is older
        from = written.current;
      }
      return (await putNewer(item)).ok;
    },
    putInventory: async (item) => {
      const condition = 'attribute_not_exists(#gatewayId) OR #inventory.#hash <> :hash';
      return (await tables.inventory.put(item, { condition, values: { ':hash': item.inventory.hash } })).ok;
    },
    mergeRollup: (item) => mergeRollup(tables.rollups, item),
  };
}

const isSame = (a: StatusItem | undefined, b: StatusItem | undefined): boolean =>
  a?.heartbeat.bootId === b?.heartbeat.bootId && a?.heartbeat.seq === b?.heartbeat.seq;
