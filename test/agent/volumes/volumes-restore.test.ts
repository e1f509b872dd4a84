import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { cp, link, mkdir, open, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lockPath, prepareVolumeTarget } from '../../../agent/restore/volume-target.ts';
import { keys } from '../../../core/snapshot/names.ts';
import { decodeRoot, encodeRoot } from '../../../core/snapshot/root-codec.ts';
import { MiB, sha, World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await World.open();
});
afterEach(() => world.closeServices());
afterAll(() => world.close());

async function overwriteFront(path: string): Promise<void> {
  await using handle = await open(path, 'r+');
  await handle.write(Buffer.alloc(MiB, 7), 0, MiB, 0);
}

async function pinsIn(name: string): Promise<number> {
  const command = new ListObjectsV2Command({ Bucket: world.s3.bucket, Prefix: `${name}/pins/` });
  return (await world.s3.client.send(command)).KeyCount ?? 0;
}

describe('volumes', () => {
  it('makes a sparse file, or adopts what is there, and refuses what it cannot serve', async () => {
    const volumes = await world.service('create');
    const { dir } = world;
    const made = await volumes.create({ volumeId: 'new', path: join(dir, 'new.img'), sizeBytes: 2 * MiB });
    expect(made).toMatchObject({
      volumeId: 'new',
      sizeBytes: 2 * MiB,
      state: 'healthy',
      health: { ok: true },
    });
    const { path } = await world.file('adopted', 100_000);
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
      await expect(volumes.create(params)).rejects.toMatchObject({ code, hint: expect.any(String) });
    expect(() => volumes.get('nobody')).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }));
    expect(volumes.list().map((volume) => volume.volumeId)).toEqual(['new', 'adopted']);
  });

  it('lets no second process serve the same disk', async () => {
    const { path } = await world.file('twice', MiB);
    await (await world.service('first')).create({ volumeId: 'v', path });
    const second = await world.service('second');
    await expect(second.create({ volumeId: 'v', path })).rejects.toMatchObject({ code: 'BUSY' });
    // Nor cut or lengthen it: a restore asks for the lock first.
    await expect(prepareVolumeTarget(path, 4096)).rejects.toMatchObject({ code: 'BUSY' });
    expect((await stat(path)).size).toBe(MiB);
  });

  it('is made by one of many restores that begin at once, and the others take nothing away', async () => {
    for (let round = 0; round < 10; round++) {
      const path = join(world.dir, `at-once-${round}.img`);
      const begun = await Promise.allSettled(
        Array.from({ length: 6 }, () => prepareVolumeTarget(path, 4096)),
      );
      const had = begun.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      expect(had).toHaveLength(1);
      for (const one of begun)
        if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'BUSY' });
      expect((await stat(path)).size).toBe(4096);
      await had[0]!.target.close();
      await had[0]!.lock.release();
    }
  });

  it('makes one volume of a file that is named twice at a time', async () => {
    const volumes = await world.service('links');
    const { path } = await world.file('links', MiB);
    const alias = join(world.dir, 'links-alias.img');
    await link(path, alias);
    const made = await Promise.allSettled([
      volumes.create({ volumeId: 'one', path }),
      volumes.create({ volumeId: 'two', path: alias }),
    ]);
    expect(made[0].status).toBe('fulfilled');
    expect(made[1]).toMatchObject({ reason: { code: 'BUSY' } });
    expect(volumes.list().map(({ volumeId }) => volumeId)).toEqual(['one']);
  });

  it('that another process has is not lost, and is not restored over once it is free again', async () => {
    const volumes = await world.service('busy');
    const { path } = await world.file('busy', 2 * MiB);
    await volumes.create({ volumeId: 'v', path });
    const { snapshotId } = await volumes.snapshot({ volumeId: 'v' });
    const nbd = await world.nbd(volumes, 'v');
    await nbd.write(4096, Buffer.alloc(4096, 9));
    await nbd.flush();
    nbd.close();
    // What `serve` and `snapshot create` ask for, too.
    await expect(lockPath(path, [])).rejects.toMatchObject({ code: 'BUSY' });
    await volumes.close();
    const lock = await lockPath(path, []);
    const again = await world.service('busy');
    expect(again.get('v')).toMatchObject({ state: 'failed', health: { reason: 'in-use' } });
    await lock.release();
    await expect(again.restore({ volumeId: 'v', snapshotId })).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(again.get('v').state).toBe('healthy');
    expect((await readFile(path)).subarray(4096, 8192)).toEqual(Buffer.alloc(4096, 9));
  });

  it('is not forgotten while its restore is not complete: its file would pass for a whole volume', async () => {
    const volumes = await world.service('unfinished');
    const { path } = await world.file('unfinished', 4 * MiB);
    await volumes.create({ volumeId: 'v', path });
    const { snapshotId } = await volumes.snapshot({ volumeId: 'v' });
    await rm(path);
    await volumes.restore({ volumeId: 'v', snapshotId, bandwidthBytesPerSec: 1024 });
    await expect(volumes.remove('v')).rejects.toMatchObject({ code: 'BUSY' });
    await volumes.cancelRestore('v');
    await expect(volumes.remove('v')).rejects.toMatchObject({ code: 'BUSY' });
    await rm(path);
    await volumes.remove('v');
    expect(volumes.list()).toEqual([]);
  });

  it('whose record is damaged takes no other along, and no folder that holds anything is deleted', async () => {
    const volumes = await world.service('damaged');
    for (const volumeId of ['one', 'two'])
      await volumes.create({ volumeId, path: (await world.file(`damaged-${volumeId}`, MiB)).path });
    await volumes.close();
    const folder = join(world.dir, 'damaged', 'volumes');
    await writeFile(join(folder, 'one', 'volume.json'), '{"format":');
    await mkdir(join(folder, 'stranger'));
    await writeFile(join(folder, 'stranger', 'restore.json'), 'precious');
    const again = await world.service('damaged');
    expect(again.list().map(({ volumeId, state }) => [volumeId, state])).toEqual([
      ['two', 'healthy'],
      ['one', 'failed'],
    ]);
    expect(() => again.get('one')).toThrow(expect.objectContaining({ code: 'CORRUPT' }));
    expect(await readFile(join(folder, 'stranger', 'restore.json'), 'utf8')).toBe('precious');
    expect(await readFile(join(folder, 'one', 'volume.json'), 'utf8')).toBe('{"format":');
  });

  it('needs no descriptor once its restore is complete, and passes when one that is needed is put back', async () => {
    const volumes = await world.service('descriptor');
    const { path, bytes } = await world.file('descriptor', 4 * MiB);
    await volumes.create({ volumeId: 'v', path });
    const { snapshotId } = await volumes.snapshot({ volumeId: 'v' });
    const file = join(world.dir, 'descriptor', 'volumes', 'v', 'restore.json');
    await rm(path);
    await volumes.restore({ volumeId: 'v', snapshotId, bandwidthBytesPerSec: 1024 });
    await volumes.close();
    const good = await readFile(file);
    await writeFile(file, 'junk');
    const without = await world.service('descriptor');
    expect(without.get('v')).toMatchObject({ state: 'failed', health: { reason: 'io-error' } });
    await without.close();
    await writeFile(file, good);
    const back = await world.service('descriptor');
    expect(back.get('v').state).toBe('restoring');
    await back.cancelRestore('v');
    await back.restore({ volumeId: 'v', snapshotId });
    expect(await back.waitRestored('v')).toMatchObject({ outcome: 'restored' });
    await back.close();
    await writeFile(file, 'junk');
    expect((await world.service('descriptor')).get('v').state).toBe('healthy');
    expect(sha(await readFile(path))).toBe(sha(bytes));
  });

  it('does nothing more to a volume that is being removed, and leaves no file of one that could not be made', async () => {
    const volumes = await world.service('racing');
    const { path, bytes } = await world.file('racing', MiB);
    await volumes.create({ volumeId: 'v', path });
    const { snapshotId } = await volumes.snapshot({ volumeId: 'v' });
    const removing = volumes.remove('v');
    // Its first step has begun: what is asked for from now on comes too late.
    await new Promise(setImmediate);
    await expect(
      Promise.resolve().then(() => volumes.restore({ volumeId: 'v', snapshotId })),
    ).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await removing;
    expect(sha(await readFile(path))).toBe(sha(bytes));
    const huge = { volumeId: 'huge', path: join(world.dir, 'huge.img'), sizeBytes: Number.MAX_SAFE_INTEGER };
    await expect(volumes.create(huge)).rejects.toMatchObject({ code: expect.stringMatching(/NO_SPACE|IO/) });
    await expect(readFile(huge.path)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('forgets a removed volume and leaves its file', async () => {
    const volumes = await world.service('remove');
    const { path, bytes } = await world.file('remove', MiB);
    await volumes.create({ volumeId: 'v', path });
    await volumes.remove('v');
    expect(volumes.list()).toEqual([]);
    await volumes.close();
    expect((await world.service('remove')).list()).toEqual([]);
    expect(sha(await readFile(path))).toBe(sha(bytes));
  });

  it('restores a truncated, an overwritten, a missing and a replaced file to the snapshot', async () => {
    const volumes = await world.service('lost');
    const { path, bytes } = await world.file('lost', 5 * MiB + 12_345);
    await volumes.create({ volumeId: 'v', path });
    const { snapshotId } = await volumes.snapshot({ volumeId: 'v' });
    expect(volumes.get('v').lastSnapshot).toMatchObject({ snapshotId, sizeBytes: bytes.length });
    const losses = [
      ['truncated', () => truncate(path, 4096)],
      ['overwritten', () => overwriteFront(path)],
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

  it('answers I/O of a lost volume with an error, also after a restart, until it is restored', async () => {
    const volumes = await world.service('refused');
    const { path } = await world.file('refused', MiB);
    await volumes.create({ volumeId: 'v', path });
    const { snapshotId } = await volumes.snapshot({ volumeId: 'v' });
    const nbd = await world.nbd(volumes, 'v');
    await truncate(path, 4096);
    await expect(nbd.read(512 * 1024, 4096)).rejects.toThrow();
    expect(await volumes.check('v')).toMatchObject({ reason: 'truncated' });
    await expect(nbd.write(0, Buffer.alloc(4096))).rejects.toThrow();
    nbd.close();
    await volumes.close();
    await truncate(path, MiB);
    const again = await world.service('refused');
    expect(again.get('v')).toMatchObject({ state: 'failed', health: { ok: false, reason: 'truncated' } });
    await again.restore({ volumeId: 'v', snapshotId });
    expect(await again.waitRestored('v')).toMatchObject({ outcome: 'restored' });
  });

  it('serves again what was only away', async () => {
    const volumes = await world.service('away');
    const { path, bytes } = await world.file('away', MiB);
    await volumes.create({ volumeId: 'v', path });
    await rename(path, `${path}.away`);
    expect(await volumes.check('v')).toMatchObject({ reason: 'missing' });
    await rename(`${path}.away`, path);
    expect(await volumes.check('v')).toEqual({ ok: true });
    const nbd = await world.nbd(volumes, 'v');
    expect(sha(await nbd.read(4096, 8192))).toBe(sha(bytes.subarray(4096, 4096 + 8192)));
    nbd.close();
  });

  it('takes nothing that clients write for a loss', async () => {
    const volumes = await world.service('written');
    const { path } = await world.file('written', 4 * MiB);
    await volumes.create({ volumeId: 'v', path });
    const nbd = await world.nbd(volumes, 'v');
    for (let offset = 0; offset < 4 * MiB; offset += 64 * 1024) {
      await nbd.write(offset, Buffer.alloc(64 * 1024, offset % 251));
      if (offset % MiB === 0) expect(await volumes.check('v')).toEqual({ ok: true });
    }
    nbd.close();
    await volumes.close();
    expect(await (await world.service('written')).check('v')).toEqual({ ok: true });
  });

  it('notices what was overwritten while it was not running', async () => {
    const volumes = await world.service('asleep');
    const { path } = await world.file('asleep', 2 * MiB);
    await volumes.create({ volumeId: 'v', path });
    await volumes.close();
    await overwriteFront(path);
    const again = await world.service('asleep');
    expect(again.get('v').health).toMatchObject({ ok: false, reason: 'overwritten' });
  });
});

describe('a restore of a volume', () => {
  it('does not take a healthy one back without being told to replace it', async () => {
    const volumes = await world.service('healthy');
    const { path, bytes } = await world.file('healthy', 2 * MiB);
    await volumes.create({ volumeId: 'v', path });
    const { snapshotId } = await volumes.snapshot({ volumeId: 'v' });
    const nbd = await world.nbd(volumes, 'v');
    const written = Buffer.alloc(4096, 9);
    await nbd.write(MiB, written);
    await expect(volumes.restore({ volumeId: 'v', snapshotId })).rejects.toMatchObject({
      code: 'CONFLICT',
      hint: expect.stringContaining('npx holdfast-agent volume restore v --replace'),
    });
    expect(volumes.get('v').state).toBe('healthy');
    expect(await nbd.read(MiB, 4096)).toEqual(written);
    nbd.close();
    expect(await pinsIn('healthy')).toBe(0);
    await volumes.restore({ volumeId: 'v', snapshotId, replace: true });
    expect(await volumes.waitRestored('v')).toEqual({ outcome: 'restored', snapshotId });
    expect(sha(await readFile(path))).toBe(sha(bytes));
    await expect(volumes.limitRestore({ volumeId: 'v' })).rejects.toMatchObject({
      code: 'CONFLICT',
      message: 'no restore of v is running: the last one is restored',
      hint: expect.stringContaining('volume list'),
    });
  });

  it('is paused, goes on paused after a restart, is resumed, and ends', async () => {
    const volumes = await world.service('pause');
    const { path, bytes } = await world.file('pause', 4 * MiB);
    await volumes.create({ volumeId: 'v', path });
    const { snapshotId } = await volumes.snapshot({ volumeId: 'v' });
    await rm(path);
    await volumes.restore({ volumeId: 'v', snapshotId, bandwidthBytesPerSec: 2 * MiB });
    await volumes.pauseRestore('v');
    expect(volumes.get('v')).toMatchObject({ state: 'paused', restore: { snapshotId, totalBytes: 4 * MiB } });
    await expect(volumes.restore({ volumeId: 'v', snapshotId })).rejects.toMatchObject({ code: 'BUSY' });
    const nbd = await world.nbd(volumes, 'v');
    expect(sha(await nbd.read(3 * MiB, 4096))).toBe(sha(bytes.subarray(3 * MiB, 3 * MiB + 4096)));
    nbd.close();
    await volumes.close();
    const again = await world.service('pause');
    expect(again.get('v').state).toBe('paused');
    expect(await pinsIn('pause')).toBe(1);
    await again.resumeRestore('v');
    expect(again.get('v').state).toBe('restoring');
    expect(await again.waitRestored('v')).toEqual({ outcome: 'restored', snapshotId });
    expect(sha(await readFile(path))).toBe(sha(bytes));
    expect(await again.check('v')).toEqual({ ok: true });
    expect(await pinsIn('pause')).toBe(0);
  });

  it('leaves a canceled volume refused until it is restored again', async () => {
    const volumes = await world.service('cancel');
    const { path, bytes } = await world.file('cancel', 4 * MiB);
    await volumes.create({ volumeId: 'v', path });
    const { snapshotId } = await volumes.snapshot({ volumeId: 'v' });
    const refused = { code: 'CONFLICT', hint: expect.any(String) };
    await expect(volumes.cancelRestore('v')).rejects.toMatchObject(refused);
    await truncate(path, 0);
    await volumes.restore({ volumeId: 'v', snapshotId, bandwidthBytesPerSec: 1024 * 1024 });
    const waiting = volumes.waitRestored('v');
    await volumes.cancelRestore('v');
    expect(await waiting).toEqual({ outcome: 'canceled', snapshotId });
    expect(volumes.get('v').state).toBe('canceled');
    const nbd = await world.nbd(volumes, 'v');
    await expect(nbd.read(0, 4096)).rejects.toThrow();
    nbd.close();
    await volumes.close();
    const again = await world.service('cancel');
    expect(again.get('v').state).toBe('canceled');
    await again.restore({ volumeId: 'v', snapshotId });
    expect(await again.waitRestored('v')).toEqual({ outcome: 'restored', snapshotId });
    expect(sha(await readFile(path))).toBe(sha(bytes));
  });

  it('is refused before anything is touched: no such snapshot, a volume that is too small', async () => {
    const volumes = await world.service('refuse');
    const { path } = await world.file('refuse', 2 * MiB);
    await volumes.create({ volumeId: 'big', path });
    const { snapshotId } = await volumes.snapshot({ volumeId: 'big' });
    const small = await world.file('small', MiB);
    await volumes.create({ volumeId: 'small', path: small.path });
    const replace = true;
    await expect(volumes.restore({ volumeId: 'small', snapshotId, replace })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    });
    const nobody = `${snapshotId.slice(0, -4)}0000`;
    await expect(volumes.restore({ volumeId: 'small', snapshotId: nobody, replace })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      hint: expect.stringContaining('holdfast-agent volume snapshots small'),
    });
    expect(await volumes.snapshots('small')).toMatchObject([{ snapshotId, sizeBytes: 2 * MiB }]);
    expect(volumes.get('small').state).toBe('healthy');
    expect(sha(await readFile(small.path))).toBe(sha(small.bytes));
    expect(await pinsIn('refuse')).toBe(0);
  });

  it('does not come back as a healthy volume without its descriptor, nor under another name', async () => {
    const volumes = await world.service('orphan');
    const { path, bytes } = await world.file('orphan', 4 * MiB);
    await volumes.create({ volumeId: 'v', path });
    const { snapshotId } = await volumes.snapshot({ volumeId: 'v' });
    await rm(path);
    await volumes.restore({ volumeId: 'v', snapshotId, bandwidthBytesPerSec: 1024 });
    await volumes.pauseRestore('v');
    await volumes.close();
    await rm(join(world.dir, 'orphan', 'volumes', 'v', 'restore.json'));
    const again = await world.service('orphan');
    expect(again.get('v')).toMatchObject({ state: 'failed', health: { reason: 'overwritten' } });
    await again.restore({ volumeId: 'v', snapshotId });
    expect(await again.waitRestored('v')).toMatchObject({ outcome: 'restored' });
    expect(sha(await readFile(path))).toBe(sha(bytes));
    await writeFile(path, Buffer.concat([Buffer.from('HFSTMARK'), bytes.subarray(8)]));
    await again.remove('v');
    await expect(again.create({ volumeId: 'w', path })).rejects.toMatchObject({ code: 'WRONG_TARGET' });
  });

  it('goes on with no other disk, blank or a copy, and with no other snapshot of the same name', async () => {
    const volumes = await world.service('other-disk');
    const { path } = await world.file('other-disk', 8 * MiB);
    await volumes.create({ volumeId: 'v', path });
    const { snapshotId } = await volumes.snapshot({ volumeId: 'v' });
    await rm(path);
    await volumes.restore({ volumeId: 'v', snapshotId, bandwidthBytesPerSec: 4 * MiB });
    await volumes.pauseRestore('v');
    await volumes.close();
    const half = await readFile(path);
    for (const content of [Buffer.alloc(half.length), half]) {
      await rename(path, `${path}.was`);
      await writeFile(path, content);
      const wrong = await world.service('other-disk');
      expect(wrong.get('v')).toMatchObject({ state: 'failed', health: { reason: 'wrong-target' } });
      const nbd = await world.nbd(wrong, 'v');
      await expect(nbd.read(7 * MiB, 10)).rejects.toThrow();
      nbd.close();
      await wrong.close();
      await rename(`${path}.was`, path);
    }
    const key = `other-disk/${keys.root(snapshotId)}`;
    const place = { Bucket: world.s3.bucket, Key: key };
    const stored = await world.s3.client.send(new GetObjectCommand(place));
    const root = await stored.Body!.transformToByteArray();
    const forged = encodeRoot({ ...decodeRoot(root, 'root'), volumeId: 'another' });
    await world.s3.client.send(new PutObjectCommand({ ...place, Body: forged }));
    const again = await world.service('other-disk');
    const nbd = await world.nbd(again, 'v');
    await expect(nbd.read(7 * MiB, 10)).rejects.toThrow();
    nbd.close();
    await again.close();
    await world.s3.client.send(new PutObjectCommand({ ...place, Body: root }));
    const right = await world.service('other-disk');
    await right.resumeRestore('v');
    expect(await right.waitRestored('v')).toEqual({ outcome: 'restored', snapshotId });
  });

  it('that loses its disk half-way is failed, and can be begun again', async () => {
    const volumes = await world.service('halfway');
    const { path, bytes } = await world.file('halfway', 8 * MiB);
    await volumes.create({ volumeId: 'v', path });
    const { snapshotId } = await volumes.snapshot({ volumeId: 'v' });
    await rm(path);
    await volumes.restore({ volumeId: 'v', snapshotId, bandwidthBytesPerSec: MiB });
    await truncate(path, 4096);
    expect(await volumes.check('v')).toMatchObject({ ok: false, reason: 'truncated' });
    await volumes.close();
    const again = await world.service('halfway');
    expect(again.get('v').state).toBe('failed');
    await again.restore({ volumeId: 'v', snapshotId });
    expect(await again.waitRestored('v')).toEqual({ outcome: 'restored', snapshotId });
    expect(sha(await readFile(path))).toBe(sha(bytes));
  });
});

describe('a snapshot of a volume', () => {
  it('taken while it is restored has no marks, and uploads and fetches only what was changed', async () => {
    const volumes = await world.service('midway');
    const { path, bytes } = await world.file('midway', 16 * MiB);
    await volumes.create({ volumeId: 'v', path });
    const source = await volumes.snapshot({ volumeId: 'v' });
    await rm(path);
    await volumes.restore({ volumeId: 'v', snapshotId: source.snapshotId, bandwidthBytesPerSec: MiB });
    await volumes.pauseRestore('v');
    const nbd = await world.nbd(volumes, 'v');
    await nbd.write(9 * MiB, Buffer.alloc(5000, 5));
    Buffer.alloc(5000, 5).copy(bytes, 9 * MiB);
    nbd.close();
    const midway = await volumes.snapshot({ volumeId: 'v' });
    expect(midway.uploadedBytes).toBeLessThan(MiB);
    expect(volumes.get('v').restore?.fraction).toBeLessThan(0.5);
    expect(volumes.get('v').lastSnapshot?.snapshotId).toBe(midway.snapshotId);
    await volumes.resumeRestore('v');
    await volumes.cancelRestore('v');
    await volumes.restore({ volumeId: 'v', snapshotId: midway.snapshotId });
    expect(await volumes.waitRestored('v')).toMatchObject({ outcome: 'restored' });
    expect(sha(await readFile(path))).toBe(sha(bytes));
  });

  it('has no marks either where everything has to be read, as after a crash in the course of a restore', async () => {
    const volumes = await world.service('crashed');
    const { path, bytes } = await world.file('crashed', 16 * MiB);
    await volumes.create({ volumeId: 'v', path });
    const { snapshotId } = await volumes.snapshot({ volumeId: 'v' });
    await rm(path);
    await volumes.restore({ volumeId: 'v', snapshotId, bandwidthBytesPerSec: MiB });
    await volumes.pauseRestore('v');
    // What a crash leaves: the state as it is now, without what an orderly end writes down.
    const state = join(world.dir, 'crashed', 'volumes');
    await cp(state, `${state}.crash`, { recursive: true });
    await volumes.close();
    await rm(state, { recursive: true });
    await rename(`${state}.crash`, state);
    const again = await world.service('crashed');
    expect(again.get('v').restore?.fraction).toBeLessThan(0.9);
    const midway = await again.snapshot({ volumeId: 'v' });
    await again.cancelRestore('v');
    await again.restore({ volumeId: 'v', snapshotId: midway.snapshotId });
    expect(await again.waitRestored('v')).toMatchObject({ outcome: 'restored' });
    expect(sha(await readFile(path))).toBe(sha(bytes));
  });

  it('uploads only what changed, also after an orderly restart', async () => {
    const volumes = await world.service('increment');
    const { path, bytes } = await world.file('increment', 8 * MiB);
    await volumes.create({ volumeId: 'v', path });
    const first = await volumes.snapshot({ volumeId: 'v' });
    expect(first).toMatchObject({ incremental: false, sizeBytes: 8 * MiB });
    await volumes.close();
    const again = await world.service('increment');
    const nbd = await world.nbd(again, 'v');
    await nbd.write(3 * MiB + 100, Buffer.alloc(4096, 9));
    nbd.close();
    Buffer.alloc(4096, 9).copy(bytes, 3 * MiB + 100);
    const second = await again.snapshot({ volumeId: 'v' });
    expect(second.incremental).toBe(true);
    expect(second.uploadedBytes).toBeLessThan(MiB);
    await rm(path);
    await again.restore({ volumeId: 'v', snapshotId: second.snapshotId });
    expect(await again.waitRestored('v')).toMatchObject({ outcome: 'restored' });
    expect(sha(await readFile(path))).toBe(sha(bytes));
  });
});
