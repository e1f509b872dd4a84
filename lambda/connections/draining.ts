import type { Log } from '../../core/log.ts';
import { cellsScope, isDraining } from '../../core/routes/drain-rules.ts';
import type { CellsStore, Clock } from '../commands/ports.ts';

const freshForMs = 10_000;

/**
 * Whether this cell is being emptied; looked up again after 10 s, so that a storm of dials is no storm of reads. Where
 * that cannot be read, gateways are let in.
 */
export function drainingCell(
  cells: CellsStore,
  { cellId, clock }: { cellId: string; clock: Clock },
): (log: Log) => Promise<boolean> {
  let known: { at: number; answer: boolean } | undefined;
  return async (log) => {
    if (known && clock.now() - known.at < freshForMs) return known.answer;
    try {
      known = { at: clock.now(), answer: isDraining(await cells.get(cellsScope), cellId) };
      return known.answer;
    } catch (cause) {
      log('warn', 'dial.drain-unknown', { cellId, error: String(cause) });
      return false;
    }
  };
}
