import { formatLimits } from '../snapshot/geometry.ts';

/** Looks per doubling of the offset. A tree with two children a block has marks from n + 1 to 2n + 2 while n is restored. */
const perOctave = 16;
/** Blocks at the end that are looked at one by one: those that a restore comes to last. */
const lastBlocks = 16;

/**
 * Where to look for marks in a disk of which nothing is known, in bytes, ascending. Restored blocks hand their mark to
 * their children, so that a restore which goes through a volume in order has marks on all blocks from the n-th to about
 * the k·n-th, and less regular ones more of them: looks whose distance grows with the offset meet some. They are at
 * starts of blocks of every size that there may be. A disk of 1 TiB takes about 600.
 */
export function markSampleOffsets(sizeBytes: number): number[] {
  const { chunkBytesMin, chunkBytesMax } = formatLimits;
  const offsets = new Set([0]);
  for (let octave = chunkBytesMin; octave < sizeBytes; octave *= 2) {
    const step = Math.max(chunkBytesMin, octave / perOctave);
    for (let at = octave; at < Math.min(2 * octave, sizeBytes); at += step) offsets.add(at);
  }
  for (let blockBytes = chunkBytesMin; blockBytes <= chunkBytesMax; blockBytes *= 2) {
    const blockCount = Math.ceil(sizeBytes / blockBytes);
    for (let block = Math.max(0, blockCount - lastBlocks); block < blockCount; block++)
      offsets.add(block * blockBytes);
  }
  return [...offsets].sort((a, b) => a - b);
}
