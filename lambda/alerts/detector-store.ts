import type { DetectorState } from '../../core/patterns/detect.ts';
import { noHistory, type PatternHistory } from '../../core/patterns/history.ts';
import { packedParts } from '../aws/packed-parts.ts';
import type { patternsTable } from '../aws/tables.ts';
import type { DetectorStore } from './ports.ts';

/** Nobody deletes a history that another one followed; a proxy that was away for longer begins anew. */
const historyTtlSec = 3 * 24 * 3_600;

/**
 * The detector's memory in the Patterns table. One conditional write makes a tick count: that of the item `detector`, which
 * names its history. A history is written before, under a name of its own, and never changed; so whatever crash or rival
 * leaves a history that is whole.
 */
export function dynamoDetectorStore(
  table: ReturnType<typeof patternsTable>,
  { now, random }: { now: () => number; random: (bytes: number) => Buffer },
): DetectorStore {
  let cached: { historyId: string; history: PatternHistory } | undefined;

  const histories = packedParts<PatternHistory>(table, 'history', { now, random, ttlSec: historyTtlSec });

  async function historyOf(state: DetectorState | undefined): Promise<PatternHistory> {
    if (state?.historyId === undefined) return noHistory();
    if (cached?.historyId === state.historyId) return cached.history;
    const { historyId: partsId, historyParts: parts = 0 } = state;
    const history = await histories.get({ partsId, parts });
    if (!history) return noHistory();
    cached = { historyId: state.historyId, history };
    return history;
  }

  async function putHistory(history: PatternHistory): Promise<{ historyId: string; historyParts: number }> {
    const { partsId, parts } = await histories.put(history);
    return { historyId: partsId, historyParts: parts };
  }

  return {
    load: async () => {
      const item = await table.get({ itemKey: 'detector' });
      const state = item && 'version' in item ? item : undefined;
      return { state, history: await historyOf(state) };
    },
    save: async (next, history) => {
      // It has grown in place: whatever is read from here on is what was kept.
      if (history) cached = undefined;
      const written = history ? await putHistory(history) : {};
      const item = { ...next, ...written, itemKey: 'detector' } as const;
      const { ok } =
        next.version === 1
          ? await table.putIfAbsent(item)
          : await table.put(item, {
              condition: '#version = :before',
              values: { ':before': next.version - 1 },
            });
      if (history && ok && item.historyId) cached = { historyId: item.historyId, history };
      return ok;
    },
    putBreakdown: async (breakdown) =>
      void (await table.put({ ...breakdown, itemKey: `breakdown/${breakdown.attribute}` })),
  };
}
