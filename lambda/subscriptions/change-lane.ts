import { HoldfastError } from '../../core/errors.ts';
import type { LaneItem } from '../../core/subscriptions/model.ts';
import type { LaneStore } from './ports.ts';

const conflictsMax = 8;

/**
 * Applies a change on the newest copy of a lane until it is written. `change` answers with the same lane, or with
 * undefined, where there is nothing to write. UNAVAILABLE where others write all the time.
 */
export async function changeLane(
  lanes: LaneStore,
  key: Pick<LaneItem, 'deliveryKey' | 'alertKey'>,
  change: (stored: LaneItem | undefined) => LaneItem | undefined | Promise<LaneItem | undefined>,
  known?: LaneItem,
): Promise<LaneItem | undefined> {
  let stored = known ?? (await lanes.get(key));
  for (let conflict = 0; conflict < conflictsMax; conflict++) {
    const next = await change(stored);
    if (!next || next === stored) return stored;
    if (await lanes.put(next)) return next;
    stored = await lanes.get(key);
  }
  throw new HoldfastError('UNAVAILABLE', `the lane of alert ${key.alertKey} changes too often just now`, {
    hint: 'it is tried again',
  });
}
