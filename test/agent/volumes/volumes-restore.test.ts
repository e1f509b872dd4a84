import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, open, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { VolumeService } from '../../../agent/ports.ts';
import { makeVolumeService } from '../../../agent/volumes/volume-service.ts';
import { startS3, type TestS3 } from '../../support/s3.ts';

const MiB = 1024 * 1024;
let s3: TestS3;
let dir: string;
const services: VolumeService[] = [];

beforeAll(async () => {
  s3 = await startS3();
  dir = await mkdtemp(join(tmpdir(), 'holdfast-volumes-'));
});
afterEach(async () => {
  for (const service of services.splice(0)) await service.close();
});
afterAll(async () => {
  await s3.close();
  await rm(dir, { recursive: true });
});

async function service(name: string): Promise<VolumeService> {
  const made = makeVolumeService({
    directory: join(dir, name, 'volumes'),
    nbdSocket: join(dir, name, 'nbd.sock'),
    bucketFor: () => Promise.resolve({ client: s3.client, bucket: s3.bucket, prefix: `${name}/` }),
  });
  await made.start();
  services.push(made);
  return made;
}

async function volumeFile(name: string, sizeBytes: number): Promise<{ path: string; bytes: Buffer }> {
  const path = join(dir, `${name}.img`);
  const bytes = randomBytes(sizeBytes);
  await writeFile(path, bytes);
  return { path, bytes };
}

const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('volumes', () => {
  it('makes a sparse file, or adopts what is there, and refuses what it cannot serve', async () => {
    const volumes = await service('create');
    const made = await volumes.create({ volumeId: 'new', path: join(dir, 'new.img'), sizeBytes: 2 * MiB });
    expect(made).toMatchObject({
      volumeId: 'new',
      sizeBytes: 2 * MiB,
      state: 'healthy',
      health: { ok: true },
    });
    const { path } = await volumeFile('adopted', 100_000);
    expect(await volumes.create({ volumeId: 'adopted', path })).toMatchObject({ sizeBytes: 100_000 });
    const refused = [
      [{ volumeId: 'adopted', path: join(dir, 'x.img'), sizeBytes: MiB }, 'CONFLICT'],
      [{ volumeId: 'other', path }, 'CONFLICT'],
      [{ volumeId: '../x', path: join(dir, 'x.img'), sizeBytes: MiB }, 'INVALID_INPUT'],
      [{ volumeId: 'x', path: 'relative.img', sizeBytes: MiB }, 'INVALID_INPUT'],
      [{ volumeId: 'x', path: join(dir, 'absent.img') }, 'INVALID_INPUT'],
      [{ volumeId: 'x', path: dir }, 'INVALID_INPUT'],
      [{ volumeId: 'x', path: join(dir, 'no-such', 'x.img'), sizeBytes: MiB }, 'NOT_FOUND'],
    ] as const;
    for (const [params, code] of refused)
      await expect(volumes.create(params)).rejects.toMatchObject({ code });
    expect(() => volumes.get('nobody')).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }));
    expect(volumes.list().map((volume) => volume.volumeId)).toEqual(['new', 'adopted']);
  });

  it('lets no second process serve the same disk', async () => {
    const { path } = await volumeFile('twice', MiB);
    await (await service('first')).create({ volumeId: 'v', path });
    await expect((await service('second')).create({ volumeId: 'v', path })).rejects.toMatchObject({
      code: 'BUSY',
    });
  });

  it('restores a truncated, an overwritten and a missing file to the snapshot', async () => {
    const volumes = await service('lost');
    const { path, bytes } = await volumeFile('lost', 5 * MiB + 12_345);
    await volumes.create({ volumeId: 'v', path });
    const { snapshotId } = await volumes.snapshot({ volumeId: 'v' });
    expect(volumes.get('v').lastSnapshot).toMatchObject({ snapshotId, sizeBytes: bytes.length });
    const overwrite = async () => {
      const handle = await open(path, 'r+');
      await handle.write(Buffer.alloc(MiB, 7), 0, MiB, 0);
      await handle.close();
    };
    const losses = [
      ['truncated', () => truncate(path, 4096)],
      ['overwritten', overwrite],
      ['missing', () => rm(path)],
      ['wrong-target', () => writeFile(`${path}.2`, bytes).then(() => rename(`${path}.2`, path))],
    ] as const;
    for (const [reason, lose] of losses) {
      expect(await volumes.check('v')).toEqual({ ok: true });
      await lose();
      expect(await volumes.check('v')).toMatchObject({ ok: false, reason });
      expect(volumes.get('v').state).toBe('failed');
      await volumes.restore({ volumeId: 'v', snapshotId });
      expect(['restoring', 'healthy']).toContain(volumes.get('v').state);
      expect(await volumes.waitRestored('v')).toEqual({ outcome: 'restored', snapshotId });
      expect(await volumes.check('v')).toEqual({ ok: true });
      expect(sha(await readFile(path))).toBe(sha(bytes));
    }
  });
});
