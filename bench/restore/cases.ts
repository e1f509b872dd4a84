import type { World } from './world.ts';

/** One round of one case: what each contender reached. */
export type Measured = Record<string, Record<string, number>>;

export interface BenchCase {
  name: string;
  /** What is compared, in one line. */
  summary: string;
  baseline: string;
  /** Metric → whether less is better, and the ratio to the baseline that is aimed at. */
  goals: Record<string, { better: 'less' | 'more'; goal: number }>;
  /** The order of contenders is the round's, so that none always comes first. */
  round: (world: World, order: <T>(contenders: T[]) => T[]) => Promise<Measured>;
}
