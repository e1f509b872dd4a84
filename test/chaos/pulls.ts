import type { Random } from '../simulation/disk/random.ts';
import type { Cable, Cut, Loss } from './cable.ts';
import type { Pace } from './pace.ts';

export interface PullCounts {
  pulls: number;
  /** Connections that were cut, by RST or FIN. */
  cuts: number;
  /** Connections that fell silent. */
  blackholes: number;
  /** Times that everything became slow. */
  delays: number;
  /** Times that nobody was let in. */
  refusals: number;
}
export const noPulls = (): PullCounts => ({ pulls: 0, cuts: 0, blackholes: 0, delays: 0, refusals: 0 });

export interface Puller {
  cables: readonly Cable[];
  random: Random;
  pace: Pace;
  counts: PullCounts;
  /** False: what fell silent is cut in the end, so that nobody has to find out by himself. */
  silenceLasts: boolean;
}

type Pull = (p: Puller) => Promise<void>;
const lossesOf: readonly Loss[] = ['both', 'both', 'up', 'down'];
const stepsMax = 30;

const cutAll = ({ cables, counts }: Puller, how: Cut): void => {
  for (const cable of cables) counts.cuts += cable.cut(how);
};
const aWhile = ({ random, pace }: Puller): Promise<void> => pace.after(1 + random.below(stepsMax));

const pulls: Record<'rst' | 'fin' | 'silence' | 'slow' | 'refuse', Pull> = {
  rst: (p) => Promise.resolve(cutAll(p, 'rst')),
  fin: (p) => Promise.resolve(cutAll(p, 'fin')),
  silence: async (p) => {
    const loss = p.random.pick(lossesOf);
    for (const cable of p.cables) p.counts.blackholes += cable.silence(loss);
    const isLasting = p.random.chance(0.5);
    await aWhile(p);
    if (!(p.silenceLasts && isLasting)) cutAll(p, 'rst');
  },
  slow: async (p) => {
    p.counts.delays += 1;
    for (const cable of p.cables) cable.slowDown(20 + p.random.below(1_500));
    await aWhile(p);
    for (const cable of p.cables) cable.slowDown(0);
  },
  refuse: async (p) => {
    p.counts.refusals += 1;
    for (const cable of p.cables) cable.refuse(true);
    cutAll(p, 'rst');
    await aWhile(p);
    for (const cable of p.cables) cable.refuse(false);
  },
};
const kinds = Object.values(pulls);

/** Pulls one agent's cables, by the random's seed, until it is over; then they are whole again. */
export async function keepPulling(p: Puller, isOver: () => boolean): Promise<void> {
  // Each kind comes before one of them comes again.
  let rest: Pull[] = [];
  while (!isOver()) {
    await aWhile(p);
    if (rest.length === 0) rest = [...kinds];
    const [pull] = rest.splice(p.random.below(rest.length), 1);
    await pull!(p);
    p.counts.pulls += 1;
  }
}
