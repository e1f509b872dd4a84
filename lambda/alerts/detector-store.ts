import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { DetectorState } from '../../core/patterns/detect.ts';
import { noHistory, type PatternHistory } from '../../core/patterns/history.ts';
import type { patternsTable } from '../aws/tables.ts';
import type { DetectorStore } from './ports.ts';

/** An item has 400 KB at most. */
const partBytes = 350_000;
/** Nobody deletes a history that another one followed; a proxy that was away for longer begins anew. */
const historyTtlSec = 3 * 24 * 3_600;
/** What an honest history, which is bounded, never reaches. */
const historyBytesMax = 64 * 1024 * 1024;

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

  const partKey = (historyId: string, part: number) => ({ itemKey: `history/${historyId}/${part}` }) as const;
  const parts = ({ historyId, historyParts = 0 }: DetectorState) =>
    historyId === undefined
      ? []
      : Array.from({ length: historyParts }, (_, part) => partKey(historyId, part));

  async function historyOf(state: DetectorState | undefined): Promise<PatternHistory> {
    if (state?.historyId === undefined) return noHistory();
    if (cached?.historyId === state.historyId) return cached.history;
    const items = await Promise.all(parts(state).map((key) => table.get(key)));
    const bytes = items.flatMap((item) => (item && 'bytes' in item ? item.bytes : []));
    if (bytes.length < items.length) return noHistory();
    const text = inflateRawSync(Buffer.concat(bytes), { maxOutputLength: historyBytesMax }).toString();
    const history = JSON.parse(text) as PatternHistory;
    cached = { historyId: state.historyId, history };
    return history;
  }

  async function putHistory(history: PatternHistory): Promise<{ historyId: string; historyParts: number }> {
    const bytes = deflateRawSync(JSON.stringify(history));
    const historyId = random(8).toString('hex');
    const expiresAtSec = Math.floor(now() / 1000) + historyTtlSec;
    const historyParts = Math.ceil(bytes.length / partBytes);
    for (let part = 0; part < historyParts; part++) {
      const of = bytes.subarray(part * partBytes, (part + 1) * partBytes);
      await table.put({ ...partKey(historyId, part), bytes: of, expiresAtSec });
    }
    return { historyId, historyParts };
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
