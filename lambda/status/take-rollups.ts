import type { Log } from '../../core/log.ts';
import { rollupItem } from '../../core/rollups/rollup-item.ts';
import { refusalOf, type Rollup } from '../../core/rollups/rollup.ts';
import type { StatusStore } from './status-store.ts';

/**
 * Stores what a status brought of the gateway's past. What is not valid (undefined), what its clock puts into the future,
 * or so far back that it would not be kept, is counted in the log and left out: another try would not mend it.
 */
export async function takeRollups(
  { store, log }: { store: Pick<StatusStore, 'mergeRollup'>; log: Log },
  gatewayId: string,
  rollups: readonly (Rollup | undefined)[],
  now: number,
): Promise<void> {
  const valid = rollups.filter((rollup) => rollup !== undefined);
  const refusals = valid.map((rollup) => refusalOf(rollup, now));
  const count = (why: string) => refusals.filter((refusal) => refusal === why).length;
  const [futureCount, pastCount] = [count('future'), count('past')];
  const invalidCount = rollups.length - valid.length;
  if (futureCount + pastCount + invalidCount > 0)
    log('warn', 'rollups.refused', { gatewayId, futureCount, pastCount, invalidCount });
  const taken = valid.filter((_, i) => refusals[i] === undefined);
  await Promise.all(taken.map((rollup) => store.mergeRollup(rollupItem(gatewayId, rollup))));
}
