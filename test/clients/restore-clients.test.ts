import { mkdir, mkdtemp, open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFileTarget } from '../../agent/restore/file-target.ts';
import { openStandaloneRestore, type StandaloneRestore } from '../../agent/restore/standalone-restore.ts';
import { systemClock } from '../../agent/restore/system-clock.ts';
import { serveNbd, type NbdServer } from '../../agent/nbd/server.ts';
import { openBucket } from '../../agent/s3/s3-bucket.ts';
import { openSnapshot } from '../../agent/snapshot/open-snapshot.ts';
import { clientOutput, describeWithClients } from '../support/clients.ts';
import { startS3, type TestS3 } from '../support/s3.ts';
import { inputOf, snapshotOf, someBytes } from '../support/snapshots.ts';

const MiB = 1024 * 1024;
const chunkBytes = 64 * 1024;

/** A snapshot of `bytes`, being restored to a file that held something else, served over NBD. */
class RestoreWorld {
  dir = '';
  target = '';
  readonly #cleanups: (() => Promise<unknown>)[] = [];

  async restore(bytes: Uint8Array): Promise<{ restore: StandaloneRestore; server: NbdServer }> {
    const s3: TestS3 = await startS3();
    this.dir = await mkdtemp(join(tmpdir(), 'holdfast-clients-'));
    this.#cleanups.push(
      () => s3.close(),
      () => rm(this.dir, { recursive: true }),
    );
    const bucket = openBucket({ client: s3.client, bucket: s3.bucket, prefix: '' });
    const { snapshotId } = await snapshotOf(bucket, bytes, { source: inputOf(bytes), chunkBytes });
    this.target = join(this.dir, 'target.img');
    await writeFile(this.target, Buffer.alloc(bytes.length, 0xee));
    const restore = await openStandaloneRestore({
      path: this.target,
      snapshotId,
      stateDirectory: join(this.dir, 'state'),
      openSource: () => openSnapshot(bucket, snapshotId),
      abandon: () => Promise.resolve(),
      engineDeps: { clock: systemClock },
    });
    const server = await serveNbd({
      listen: { unix: join(this.dir, 'nbd.sock') },
      exports: () => [{ name: 'v', device: restore.engine.device }],
    });
    this.#cleanups.unshift(
      () => server.close(),
      () => restore.close(),
    );
    return { restore, server };
  }

  async end(): Promise<void> {
    for (const cleanup of this.#cleanups.splice(0)) await cleanup();
  }
}

describeWithClients(['nbdcopy', 'nbdinfo'], 'libnbd tools on a volume that is being restored', () => {
  const world = new RestoreWorld();
  afterEach(() => world.end());

  it('copy the whole volume as the snapshot has it, before and while it is restored', async () => {
    const bytes = someBytes(6 * MiB + 4096, 5, chunkBytes);
    const { restore, server } = await world.restore(bytes);
    const copy = join(world.dir, 'copy.img');
    await clientOutput('nbdcopy', [server.uri('v'), copy]);
    expect((await readFile(copy)).equals(bytes)).toBe(true);
    restore.engine.startBackground();
    expect(await restore.engine.ended()).toBe('restored');
    expect((await readFile(world.target)).equals(bytes)).toBe(true);
  });

  it('show which part is restored', async () => {
    const { restore, server } = await world.restore(Buffer.alloc(8 * chunkBytes, 3));
    await restore.engine.device.write(Buffer.alloc(chunkBytes, 1), 2 * chunkBytes);
    const map = await clientOutput('nbdinfo', ['--map=holdfast:restore', '--json', server.uri('v')]);
    const extents = (JSON.parse(map) as { offset: number; length: number; type: number }[]).map(
      ({ offset, length, type }) => [offset, length, type],
    );
    expect(extents).toEqual([
      [0, 2 * chunkBytes, 1],
      [2 * chunkBytes, chunkBytes, 0],
      [3 * chunkBytes, 5 * chunkBytes, 1],
    ]);
  });

  it('write a whole volume over one that is not restored, without fetching it', async () => {
    const { restore, server } = await world.restore(someBytes(4 * MiB, 6, chunkBytes));
    const other = join(world.dir, 'other.img');
    const bytes = someBytes(4 * MiB, 99, 4096);
    await writeFile(other, bytes);
    await clientOutput('nbdcopy', ['--flush', other, server.uri('v')]);
    restore.engine.startBackground();
    expect(await restore.engine.ended()).toBe('restored');
    expect((await readFile(world.target)).equals(bytes)).toBe(true);
  });
});

describeWithClients(['mke2fs', 'e2fsck', 'nbdcopy'], 'a real ext4 file system', () => {
  const world = new RestoreWorld();
  afterEach(() => world.end());

  it('is whole half-way through its restore and at its end', async () => {
    const made = await mkdtemp(join(tmpdir(), 'holdfast-ext4-'));
    try {
      const files = join(made, 'files');
      await mkdir(files);
      for (let i = 0; i < 40; i++) await writeFile(join(files, `f${i}`), someBytes(200_000 + i * 777, i));
      const image = join(made, 'fs.img');
      await (await open(image, 'w')).close();
      await truncate(image, 24 * MiB);
      await clientOutput('mke2fs', ['-q', '-F', '-t', 'ext4', '-d', files, image]);
      const bytes = await readFile(image);
      const { restore, server } = await world.restore(bytes);
      // Some of it comes from the disk then, some from the snapshot.
      for (let at = 0; at < bytes.length; at += 5 * MiB)
        await restore.engine.device.read(Buffer.alloc(4096), at);
      const halfway = join(world.dir, 'halfway.img');
      await clientOutput('nbdcopy', [server.uri('v'), halfway]);
      await clientOutput('e2fsck', ['-fn', halfway]);
      restore.engine.startBackground();
      expect(await restore.engine.ended()).toBe('restored');
      await clientOutput('e2fsck', ['-fn', world.target]);
    } finally {
      await rm(made, { recursive: true });
    }
  });
});

describe('a file as target', () => {
  it('reads behind its end as an error, never as zeroes', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'holdfast-target-'));
    const path = join(dir, 'short.img');
    await writeFile(path, Buffer.alloc(8192));
    const target = await openFileTarget(path);
    await truncate(path, 4096);
    await expect(target.read(new Uint8Array(4096), 2048)).rejects.toMatchObject({ code: 'IO' });
    await target.close();
    await rm(dir, { recursive: true });
  });
});
