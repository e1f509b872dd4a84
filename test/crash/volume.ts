import { writeFile } from 'node:fs/promises';
import type { Contents } from '../simulation/disk/contents.ts';
import type { Random } from '../simulation/disk/random.ts';
import { sectorBytes } from '../simulation/disk/sim-disk.ts';

/** A volume to be restored: what its snapshot holds, and what its disk holds before. */
export interface TestVolume {
  chunkBytes: number;
  arity: number;
  snapshotBytes: Buffer;
  /** Every sector of the restored volume while nothing was written: the snapshot’s, then zeroes. */
  original: Uint8Array[];
  /** As many, recognisable: none of them may ever be read. */
  garbage: Uint8Array[];
}

/** Every sector says which one it is; some chunks are holes; the ends are rarely those of a page or a chunk. */
export function drawVolume(
  random: Random,
  contents: Contents,
  p: { chunkBytes: number; chunksMin: number; chunksMax: number },
): TestVolume {
  const perChunk = p.chunkBytes / sectorBytes;
  const chunks = p.chunksMin + random.below(p.chunksMax - p.chunksMin + 1);
  const sectors = perChunk * chunks + random.pick([0, 1, 3]);
  const extra = random.pick([0, 0, 1, perChunk + 2]);
  const holes = new Set(Array.from({ length: chunks }, (_, i) => i).filter(() => random.chance(0.15)));
  const plain = Array.from({ length: sectors }, (_, i) =>
    holes.has(Math.floor(i / perChunk)) ? contents.zeroes : contents.named(`snap-${i}`),
  );
  const original = [...plain, ...Array.from({ length: extra }, () => contents.zeroes)];
  return {
    chunkBytes: p.chunkBytes,
    arity: random.pick([2, 3, 4, 16]),
    snapshotBytes: Buffer.concat(plain),
    original,
    garbage: original.map((_, i) => contents.named(`garbage-${i}`)),
  };
}

export const writeGarbage = (path: string, { garbage }: TestVolume): Promise<void> =>
  writeFile(path, Buffer.concat(garbage));
