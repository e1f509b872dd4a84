import { execFile } from 'node:child_process';
import { readFile, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describeWithClients } from '../../support/clients.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const here = (path: string) => fileURLToPath(new URL(`../../../agent/restore/${path}`, import.meta.url));

/** What a power failure would take back of a folder no model of a disk shows: so the system calls are looked at. */
describeWithClients(['strace'], 'what has to be durable before it is trusted', () => {
  /** The system calls of these names that the code makes, in order, as strace prints them. */
  const tracedBy = async (calls: string, code: string): Promise<string[]> => {
    const trace = join(temporaryDirectory(), 'trace');
    const args = ['-f', '-y', '-e', `trace=${calls}`, '-o', trace, process.execPath, '--input-type=module'];
    await promisify(execFile)('strace', [...args, '-e', code]);
    return (await readFile(trace, 'utf8')).split('\n');
  };

  /** The paths that are synced while the code runs, in order. */
  const syncedBy = async (code: string): Promise<string[]> =>
    (await tracedBy('fsync,fdatasync', code)).flatMap(
      (line) => /f(?:data)?sync\(\d+<(\/[^>]*)>/.exec(line)?.[1] ?? [],
    );

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

  it('nothing that the page cache kept of a target: it is asked to forget it before the first read', async () => {
    const path = join(await realpath(temporaryDirectory()), 'target');
    await writeFile(path, Buffer.alloc(8192, 7));
    const calls = await tracedBy(
      'fadvise64,pread64',
      `import { openFileTarget } from ${JSON.stringify(here('file-target.ts'))};
      const target = await openFileTarget(${JSON.stringify(path)}, { dropCache: true });
      await target.read(Buffer.alloc(4096), 0);
      await target.close();`,
    );
    const ofTarget = calls.filter((line) => line.includes(`<${path}>`));
    // What the file system then does with the advice is the file system's; whether it is given is ours.
    expect(ofTarget.map((line) => /(\w+)\(/.exec(line)?.[1])).toEqual(['fadvise64', 'pread64']);
    expect(ofTarget[0]).toContain('POSIX_FADV_DONTNEED');
  });
});
