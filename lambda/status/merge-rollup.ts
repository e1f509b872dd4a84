import { rollupItem, rollupOfItem, type RollupItem } from '../../core/rollups/rollup-item.ts';
import { mergeRollups } from '../../core/rollups/rollup.ts';
import type { rollupsTable } from '../aws/tables.ts';

/** Accounts of one span that come at the same time: more than one host with a gateway's key has. */
const conflictsMax = 4;

/** Nearly always there is none yet, and nothing has to be read. True: the item was changed. */
export async function mergeRollup(
  table: ReturnType<typeof rollupsTable>,
  item: RollupItem,
): Promise<boolean> {
  const { gatewayId } = item;
  let written = await table.putIfAbsent(item);
  for (let conflict = 0; !written.ok && conflict < conflictsMax; conflict++) {
    const { current } = written;
    if (!current) {
      // Its time was over in between.
      written = await table.putIfAbsent(item);
      continue;
    }
    const both = mergeRollups(rollupOfItem(current), rollupOfItem(item));
    const merged = rollupItem(gatewayId, both, current.version + 1);
    if (isSame(merged, current)) return false;
    written = await table.put(merged, {
      condition: '#version = :version',
      values: { ':version': current.version },
    });
  }
  if (!written.ok) throw new Error(`the rollup ${item.rollupKey} of ${gatewayId} changes all the time`);
  return true;
}

const isSame = (a: RollupItem, b: RollupItem): boolean => ordered(a) === ordered(b);
/** The table gives a map's entries back in an order of its own. */
const ordered = ({ counts, signals }: RollupItem): string =>
  JSON.stringify([counts, Object.entries(signals).sort(([a], [b]) => (a < b ? -1 : 1))]);
