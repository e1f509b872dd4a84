import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { refuseMarked } from '../../../agent/restore/find-mark.ts';
import { markSampleOffsets } from '../../../core/restore/mark-samples.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { begin, MemorySnapshot, type Setup } from './memory-world.ts';

/** Copies of disks whose restore has ended somewhere: nothing remembers them, and their front is restored. */
const path = join(temporaryDirectory(), 'copy.img');

async function isRefused({ disk }: Setup): Promise<boolean> {
  const bytes = disk.bytes();
  await writeFile(path, bytes);
  return refuseMarked(path, bytes.length).then(
    () => false,
    (error: { code: string }) => error.code === 'WRONG_TARGET',
  );
}

const restoreOf = (blocks: number, chunkBytes: number, arity: number): Promise<Setup> =>
  begin(new MemorySnapshot(Buffer.alloc(blocks * chunkBytes, 'data '), chunkBytes), { arity });

const touch = ({ engine }: Setup, block: number, chunkBytes: number) =>
  engine.device.read(Buffer.alloc(512), block * chunkBytes);

it.each([
  [2, 4096],
  [3, 16_384],
  [4, 65_536],
  [16, 4096],
])('a restore in order is met at every point of it: arity %i, blocks of %i', async (arity, chunkBytes) => {
  const blocks = 300;
  const setup = await restoreOf(blocks, chunkBytes, arity);
  for (let block = 0; block < blocks; block++) {
    if (block % 17 === 0 || block < 8 || block > blocks - 8)
      expect([block, await isRefused(setup)]).toEqual([block, true]);
    await touch(setup, block, chunkBytes);
    await setup.engine.device.flush();
  }
  setup.engine.startBackground();
  expect(await setup.engine.ended()).toBe('restored');
  expect(await isRefused(setup)).toBe(false);
});

it.each([2, 4, 16])('one that goes where its clients read is met, too: arity %i', async (arity) => {
  const [blocks, chunkBytes] = [400, 4096];
  const setup = await restoreOf(blocks, chunkBytes, arity);
  // 7 and 400 have no common divisor: every block comes once.
  for (let i = 0; i < blocks * 0.9; i++) {
    await touch(setup, (i * 7) % blocks, chunkBytes);
    if (i % 40 === 0) {
      await setup.engine.device.flush();
      expect([i, await isRefused(setup)]).toEqual([i, true]);
    }
  }
});

it('a mark that lies in a file system, and not at its own block, is data', async () => {
  const setup = await restoreOf(10, 4096, 2);
  const bytes = Buffer.concat([Buffer.alloc(5 * 4096), setup.disk.bytes()]);
  await writeFile(path, bytes);
  await expect(refuseMarked(path, bytes.length)).resolves.toBeUndefined();
});

it('looks few times at a disk of any size, always at starts of blocks and never beyond its end', () => {
  expect(markSampleOffsets(0)).toEqual([0]);
  expect(markSampleOffsets(5000)).toEqual([0, 4096]);
  for (const sizeBytes of [2 ** 20 + 1, 2 ** 30, 2 ** 40 - 4096, 2 ** 43]) {
    const offsets = markSampleOffsets(sizeBytes);
    expect(offsets.length).toBeLessThan(700);
    expect(offsets.every((offset) => offset % 4096 === 0 && offset < sizeBytes)).toBe(true);
    expect(new Set(offsets).size).toBe(offsets.length);
  }
});
