import { conditionById } from '../../core/conditions/conditions.ts';
import { minutes } from '../support/fleet.ts';
import { seeded } from '../support/random.ts';
import { padded, type Corpus, type Recording, type Report } from './recordings.ts';

const conditionIds = ['MemoryHigh', 'UploadBufferHigh', 'CacheHitLow', 'PacketLoss', 'LinkLatency'] as const;
const ticks = 240;

/** Four hours of a gateway: levels near and at the thresholds, and all ways of saying nothing. */
export function seededRecording(seed: number): Recording {
  const random = seeded(seed);
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)]!;
  const upTo = (most: number): number => 1 + Math.floor(random() * most);
  const conditionId = pick(conditionIds);
  const { raiseAt, clearAt, worse } = conditionById.get(conditionId)!;
  const step = (worse === 'below' ? -1 : 1) * Math.abs(raiseAt - clearAt) * 0.1;
  const levels = [raiseAt, raiseAt + step, raiseAt - step, clearAt, clearAt + step, clearAt - step];
  const everyTicks = pick([1, 1, 1, 5]);
  const longest = pick([4, 12, 40]);
  const reports: Report[] = [];
  while (reports.length < ticks) {
    const [length, kind] = [upTo(longest), random()];
    const stays = pick(levels);
    for (let i = 0; i < length; i++) {
      const value = kind < 0.1 ? pick(levels) : stays;
      if (reports.length % everyTicks !== 0 || (kind > 0.82 && kind < 0.88)) reports.push('silent');
      else if (kind >= 0.88) reports.push(kind < 0.94 ? 'unreached' : 'unreported');
      else reports.push(value);
    }
  }
  const forMs = pick([undefined, 0, 1, 3, 7]);
  return {
    ...{ name: `seed ${seed}`, conditionId, reports: reports.slice(0, ticks) },
    ...(forMs !== undefined && { override: { forMs: forMs * minutes } }),
  };
}

export const seededCorpus = (start: number, seeds: number): Corpus => ({
  tickMs: minutes,
  recordings: padded(Array.from({ length: seeds }, (_, i) => seededRecording(start + i))),
});
