import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openFileTarget } from '../../../agent/restore/file-target.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const [shortBytes, longBytes] = [5000, 8192];

it('does not take a resize of its own for somebody else’s cut', async () => {
  const path = join(temporaryDirectory(), 'disk');
  await writeFile(path, Buffer.alloc(longBytes));
  const target = await openFileTarget(path);
  let isOver = false;
  const barriers = Array.from({ length: 3 }, async () => {
    while (!isOver) await target.barrier();
  });
  for (let round = 0; round < 1000; round++) await target.resize(round % 2 === 0 ? longBytes : shortBytes);
  isOver = true;
  await Promise.all(barriers);
  await truncate(path, shortBytes - 1);
  // Nor does a write of its own hide one.
  await expect(target.write([Buffer.alloc(10)], shortBytes - 10)).rejects.toMatchObject({ code: 'IO' });
  await expect(target.zero(shortBytes - 10, 10)).rejects.toMatchObject({ code: 'IO' });
  await expect(target.barrier()).rejects.toMatchObject({ code: 'IO' });
  await target.close();
});
