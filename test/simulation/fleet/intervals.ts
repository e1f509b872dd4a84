export type Interval = readonly [low: number, high: number];

const z = 1.959964;

/** 95 % score interval of a share (Wilson 1927): honest where nothing, or everything, came out right. */
export function wilson(successes: number, trials: number): Interval | null {
  if (trials === 0) return null;
  const share = successes / trials;
  const scale = 1 + z ** 2 / trials;
  const middle = (share + z ** 2 / (2 * trials)) / scale;
  const half = (z / scale) * Math.sqrt((share * (1 - share)) / trials + z ** 2 / (4 * trials ** 2));
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}

/** 95 % interval of a Poisson mean from one count (Byar's approximation of the exact one). */
export function poissonInterval(count: number): Interval {
  const bound = (of: number, sign: number) => of * (1 - 1 / (9 * of) + (sign * z) / (3 * Math.sqrt(of))) ** 3;
  return [count === 0 ? 0 : bound(count, -1), bound(count + 1, 1)];
}

/** 95 % interval of a ratio of sums, by drawing whole groups again: what lies in one group hangs together. */
export function bootstrap(
  groups: readonly (readonly [part: number, whole: number])[],
  random: () => number,
  draws = 2_000,
): Interval | null {
  const ratios: number[] = [];
  for (let draw = 0; draw < draws; draw++) {
    let [part, whole] = [0, 0];
    for (let i = 0; i < groups.length; i++) {
      const [p, w] = groups[Math.floor(random() * groups.length)]!;
      part += p;
      whole += w;
    }
    if (whole > 0) ratios.push(part / whole);
  }
  if (ratios.length === 0) return null;
  ratios.sort((one, other) => one - other);
  const at = (share: number) => ratios[Math.min(ratios.length - 1, Math.floor(share * ratios.length))]!;
  return [at(0.025), at(0.975)];
}
