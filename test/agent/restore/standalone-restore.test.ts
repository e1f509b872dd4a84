import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openStandaloneRestore, realPath, restoreFolder } from '../../../agent/restore/standalone-restore.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { MemorySnapshot, testClock } from './memory-world.ts';

const volumeBytes = 2 * 4096 + 512;

it('leaves a file its size until it is written down that its restore has begun, then pads it to whole pages', async () => {
  const dir = temporaryDirectory();
  const path = await realPath(join(dir, 'v.img'));
  await writeFile(path, Buffer.alloc(volumeBytes, 0xee));
  const source = new MemorySnapshot(Buffer.alloc(volumeBytes, 1), 4096);
  const open = (stateDirectory: string) =>
    openStandaloneRestore({
      path,
      snapshotId: source.snapshotId,
      stateDirectory,
      openSource: () => Promise.resolve(source),
      abandon: () => Promise.resolve(),
      engineDeps: { clock: testClock() },
    });
  // The descriptor cannot be written: a folder is where its temporary file goes.
  const state = join(dir, 'state');
  await mkdir(join(restoreFolder(state, path), 'restore.json.tmp'), { recursive: true });
  await expect(open(state)).rejects.toMatchObject({ code: 'IO' });
  expect((await stat(path)).size).toBe(volumeBytes);

  const { engine, close } = await open(join(dir, 'another'));
  expect(engine.device.sizeBytes).toBe(volumeBytes);
  expect((await stat(path)).size).toBe(3 * 4096);
  await close();
});
