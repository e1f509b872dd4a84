import { setTimeout } from 'node:timers/promises';
import type { Clock } from './target-disk.ts';

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    await setTimeout(ms, undefined, { signal });
  },
};
