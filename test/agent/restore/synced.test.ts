import { execFile } from 'node:child_process';
import { readFile, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openFileTarget } from '../../../agent/restore/file-target.ts';
import { loadLinuxFile } from '../../../agent/nbd/linux-file.ts';
import { describeWithClients } from '../../support/clients.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const here = (path: string) => fileURLToPath(new URL(`../../../agent/restore/${path}`, import.meta.url));

/** What a power failure would take back of a folder no model of a disk shows: so the system calls are looked at. */
describeWithClients(['strace'], 'what has to be durable before it is trusted', () => {
  /** The paths that are synced while the code runs, in order, as strace sees them. */
  const syncedBy = async (code: string): Promise<string[]> => {
    const trace = join(temporaryDirectory(), 'trace');
    const args = [
      '-f',
      '-y',
      '-e',
      'trace=fsync,fdatasync',
      '-o',
      trace,
      process.execPath,
      '--input-type=module',
    ];
    await promisify(execFile)('strace', [...args, '-e', code]);
    const lines = (await readFile(trace, 'utf8')).split('\n');
    return lines.flatMap((line) => /f(?:data)?sync\(\d+<(\/[^>]*)>/.exec(line)?.[1] ?? []);
  };

  it('a new target and its directory', async () => {
    const dir = await realpath(temporaryDirectory());
    const path = join(dir, 'target');
    const synced = await syncedBy(`
      import { makeFileTarget, sizeFileTarget } from ${JSON.stringify(here('file-target.ts'))};
      const { target } = await makeFileTarget(${JSON.stringify(path)});
      await sizeFileTarget(target, 8192);
      await target.close();`);
    // Once made, once sized: the size is durable before the folder is synced again.
    expect(synced).toEqual([path, dir, path, dir]);
  });

  it('a descriptor that is found, and its directory', async () => {
    const dir = await realpath(temporaryDirectory());
    const path = join(dir, 'restore.json');
    await writeFile(path, '{}');
    const synced = await syncedBy(`
      import { fileDescriptorStore } from ${JSON.stringify(here('descriptor-store.ts'))};
      await fileDescriptorStore(${JSON.stringify(path)}).load().catch(() => undefined);`);
    expect(synced).toEqual([path, dir]);
  });
});

it('a target that is opened again is read from the disk, not from what the page cache kept', async () => {
  const path = join(temporaryDirectory(), 'target');
  await writeFile(path, Buffer.alloc(8192, 7), { flush: true });
  const linux = await loadLinuxFile();
  const cached = async (options?: { dropCache: boolean }) => {
    const target = await openFileTarget(path, options);
    const count = linux?.readNow(target.fd, Buffer.alloc(4096), 0);
    await target.close();
    return count;
  };
  // A file system that cannot say what it has cached says nothing here either.
  if ((await cached()) === 4096) expect(await cached({ dropCache: true })).toBe(0);
});
