import type { HolderItem } from '../../core/model.ts';
import type { DrainAnswer, DrainRequest } from '../../core/routes/drain-rules.ts';
import { handOver, type HandOverDeps } from './hand-over.ts';

export interface TellDrainDeps extends HandOverDeps {
  /** All rows of the cell, in an order that stays. */
  rows: (after: string | undefined) => AsyncIterable<HolderItem>;
  /** Resolves after so many ms. */
  pause: (ms: number) => Promise<void>;
}

/** One after the other, at most 50 a second: requests to API Gateway are counted by account, not by cell. */
const pauseMs = 20;

/** Asks connections of this cell to go elsewhere, until all were told or `until` (Unix ms) is over. */
export async function tellDrain(
  deps: TellDrainDeps,
  { drain: { deadlineMs, after } }: DrainRequest,
  until: number,
): Promise<DrainAnswer> {
  const { clock, rows, pause, log } = deps;
  const body = { reason: 'this cell is being emptied', deadlineMs };
  const answer: DrainAnswer = { told: 0, gone: 0 };
  let last = after;
  for await (const { gatewayId, epoch } of rows(after)) {
    // Each call gets on by one at least.
    if (last !== after && clock.now() >= until) return { ...answer, next: last };
    last = gatewayId;
    const { outcome } = await handOver(deps, { gatewayId, epoch, frames: [{ t: 'drain', body }] });
    if (outcome === 'gone') answer.gone += 1;
    else if (outcome !== 'not-mine') answer.told += 1;
    await pause(pauseMs);
  }
  log('info', 'drain.told', { ...answer });
  return answer;
}
