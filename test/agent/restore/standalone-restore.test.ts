import { mkdir, readdir, readFile, rename, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openStandaloneRestore, realPath, restoreFolder } from '../../../agent/restore/standalone-restore.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { MemorySnapshot, testClock } from './memory-world.ts';

const volumeBytes = 2 * 4096 + 512;

const source = new MemorySnapshot(Buffer.alloc(volumeBytes, 1), 4096);
const open = (path: string, stateDirectory: string, again = false) =>
  openStandaloneRestore({
    path,
    snapshotId: source.snapshotId,
    stateDirectory,
    again,
    openSource: () => Promise.resolve(source),
    abandon: () => Promise.resolve(),
    engineDeps: { clock: testClock() },
  });

/** A folder is where the descriptor's temporary file goes: it cannot be written. */
const spoil = (stateDirectory: string, path: string) =>
  mkdir(join(restoreFolder(stateDirectory, path), 'restore.json.tmp'), { recursive: true });

it('leaves a file its size until it is written down that its restore has begun, then pads it to whole pages', async () => {
  const dir = temporaryDirectory();
  const path = await realPath(join(dir, 'v.img'));
  await writeFile(path, Buffer.alloc(volumeBytes, 0xee));
  const state = join(dir, 'state');
  await spoil(state, path);
  await expect(open(path, state)).rejects.toMatchObject({ code: 'IO' });
  await expect(open(path, state, true)).rejects.toMatchObject({ code: 'IO' });
  expect((await stat(path)).size).toBe(volumeBytes);

  const { engine, close } = await open(path, join(dir, 'another'));
  expect(engine.device.sizeBytes).toBe(volumeBytes);
  expect((await stat(path)).size).toBe(3 * 4096);
  await close();
});

it('takes away a file that it made where it cannot be written down that its restore has begun', async () => {
  const dir = temporaryDirectory();
  const path = await realPath(join(dir, 'v.img'));
  await spoil(join(dir, 'state'), path);
  await expect(open(path, join(dir, 'state'))).rejects.toMatchObject({ code: 'IO' });
  expect(await readdir(dir)).toEqual(['state']);
});

it('makes the file that a link leads to', async () => {
  const dir = temporaryDirectory();
  await symlink('v.img', join(dir, 'link'));
  await symlink('link', join(dir, 'linked'));
  const { engine, close } = await open(join(dir, 'linked'), join(dir, 'state'));
  expect(engine.descriptor.frozen.path).toBe(await realPath(join(dir, 'v.img')));
  await close();
});

it('lets one of several restores to the same path begin, whose folder the others leave alone', async () => {
  const dir = temporaryDirectory();
  const path = join(dir, 'v.img');
  for (let round = 0; round < 10; round++) {
    const state = join(dir, `state-${round}`);
    const opened = await Promise.allSettled(Array.from({ length: 4 }, () => open(path, state, round > 0)));
    const [winner, ...others] = opened.filter((one) => one.status === 'fulfilled');
    expect(others).toEqual([]);
    for (const one of opened)
      if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'BUSY' });
    expect(await readdir(restoreFolder(state, await realPath(path)))).toEqual(['restore.json']);
    await winner?.value.close();
  }
});

describe('a restore that goes on', () => {
  const begun = async () => {
    const dir = temporaryDirectory();
    const path = await realPath(join(dir, 'v.img'));
    const state = join(dir, 'state');
    await (await open(path, state)).close();
    return { path, state };
  };

  it('refuses another disk at the same path, blank or a copy, and a shorter one', async () => {
    const { path, state } = await begun();
    const bytes = await readFile(path);
    for (const content of [Buffer.alloc(bytes.length), bytes]) {
      await rename(path, `${path}.was`);
      await writeFile(path, content);
      await expect(open(path, state)).rejects.toMatchObject({ code: 'WRONG_TARGET' });
      await rename(`${path}.was`, path);
    }
    await (await open(path, state)).close();
    await truncate(path, 4096);
    await expect(open(path, state)).rejects.toMatchObject({ code: 'WRONG_TARGET' });
  });

  it('asks for the very snapshot that it was begun from', async () => {
    const { path, state } = await begun();
    const asked: (string | undefined)[] = [];
    const again = await openStandaloneRestore({
      path,
      snapshotId: source.snapshotId,
      stateDirectory: state,
      openSource: async (_restoreId, rootHash) => {
        asked.push(rootHash && Buffer.from(rootHash).toString('hex'));
        return source;
      },
      abandon: () => Promise.resolve(),
      engineDeps: { clock: testClock() },
    });
    await again.engine.device.read(Buffer.alloc(10), 4096);
    expect(asked).toEqual([Buffer.from(source.rootHash).toString('hex')]);
    await again.close();
  });
});
