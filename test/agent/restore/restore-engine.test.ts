import { Bandwidth } from '../../../agent/restore/bandwidth.ts';
import { LazySource } from '../../../agent/restore/lazy-source.ts';
import { PlainDevice } from '../../../agent/restore/plain-device.ts';
import { RestoreEngine } from '../../../agent/restore/restore-engine.ts';
import { markContextOf } from '../../../agent/restore/starter.ts';
import { HoldfastError } from '../../../core/errors.ts';
import { encodeMark } from '../../../core/restore/mark.ts';
import { someBytes } from '../../support/snapshots.ts';
import { begin, MemorySnapshot, testClock, type Setup } from './memory-world.ts';

const chunkBytes = 8192;
const snapshotOf = (chunks: number, tail = 0) =>
  new MemorySnapshot(someBytes(chunks * chunkBytes + tail, 3, chunkBytes).fill(1, 0, 1), chunkBytes);
/** No chunk of it is a hole. */
const fullSnapshot = (chunks: number) =>
  new MemorySnapshot(
    Buffer.alloc(chunks * chunkBytes, 'snapshot ').map((byte, i) => byte ^ (i >> 13)),
    chunkBytes,
  );
const unavailable = new HoldfastError('UNAVAILABLE', 'S3 is away');
const corrupt = new HoldfastError('CORRUPT', 'a flipped bit');

async function readAll({ engine }: Setup): Promise<Buffer> {
  const all = Buffer.alloc(engine.device.sizeBytes);
  await engine.device.read(all, 0);
  return all;
}

async function restoreAll(setup: Setup): Promise<void> {
  setup.engine.startBackground();
  expect(await setup.engine.ended()).toBe('restored');
}

const plain = async (snapshot: MemorySnapshot, volumeBytes = snapshot.sizeBytes) => {
  const all = Buffer.alloc(volumeBytes);
  for (let i = 0; i < snapshot.chunkCount; i++) all.set((await snapshot.readChunk(i)) ?? [], i * chunkBytes);
  snapshot.fetched.length = 0;
  return all;
};

/** Jest's own comparison of megabytes takes seconds. */
function expectSame(actual: Buffer, expected: Buffer): void {
  expect(Buffer.compare(actual, expected)).toBe(0);
}

describe('the cost of a restore', () => {
  it('begins with the same few writes and no fetch, whatever the size', async () => {
    for (const sizeBytes of [chunkBytes, 2 ** 44]) {
      const { disk, store, snapshot } = await begin(
        new MemorySnapshot(Buffer.alloc(0), chunkBytes, sizeBytes),
      );
      expect({ ...disk.counters, saves: store.saves, fetches: snapshot.fetched.length }).toEqual({
        reads: 0,
        writes: 1,
        barriers: 1,
        treeMarks: 1,
        lateWrites: 0,
        saves: 2,
        fetches: 0,
      });
    }
  });

  it('fetches each chunk once and marks each block once as tree node at most', async () => {
    for (const arity of [2, 3, 7]) {
      const setup = await begin(fullSnapshot(100), { arity });
      const part = Buffer.alloc(1000);
      await Promise.all([70, 13, 99, 13].map((block) => setup.engine.device.read(part, block * chunkBytes)));
      await restoreAll(setup);
      expect(setup.snapshot.fetched.toSorted((a, b) => a - b)).toEqual(
        Array.from({ length: 100 }, (_, i) => i),
      );
      // Blocks that are restored together with their parent carry their mark in their body.
      expect(setup.disk.counters.treeMarks).toBeLessThanOrEqual(100);
      expect(setup.disk.counters.barriers).toBeLessThan(50);
      expectSame(setup.disk.bytes(), await plain(setup.snapshot));
    }
  });

  it('needs one fetch for a cold read, however often it is asked for meanwhile', async () => {
    const setup = await begin(fullSnapshot(500));
    await Promise.all([0, 1, 2].map(() => setup.engine.device.read(Buffer.alloc(512), 400 * chunkBytes)));
    await setup.engine.device.read(Buffer.alloc(512), 400 * chunkBytes);
    expect(setup.snapshot.fetched).toEqual([400]);
  });

  it('needs no fetch for a write or trim of whole blocks', async () => {
    const setup = await begin(fullSnapshot(50));
    await setup.engine.device.write(Buffer.alloc(2 * chunkBytes, 5), 30 * chunkBytes);
    await setup.engine.device.trim(40 * chunkBytes, chunkBytes);
    await setup.engine.device.writeZeroes(45 * chunkBytes, chunkBytes);
    expect(setup.snapshot.fetched).toEqual([]);
    const expected = await plain(setup.snapshot);
    expected.fill(5, 30 * chunkBytes, 32 * chunkBytes);
    expected.fill(0, 40 * chunkBytes, 41 * chunkBytes);
    expected.fill(0, 45 * chunkBytes, 46 * chunkBytes);
    expectSame(await readAll(setup), expected);
  });

  it('reads ahead of a sequential reader', async () => {
    const setup = await begin(fullSnapshot(40));
    for (let block = 10; block < 14; block++)
      await setup.engine.device.read(Buffer.alloc(chunkBytes), block * chunkBytes);
    expect(Math.max(...setup.snapshot.fetched)).toBeGreaterThan(14);
  });
});

describe('writes of the background', () => {
  it('may be late, and those that a client waits for never are', async () => {
    const idle = await begin(fullSnapshot(50));
    const { counters } = idle.disk;
    const first = counters.writes;
    await idle.engine.device.write(Buffer.alloc(10), 3 * chunkBytes);
    expect([counters.lateWrites, counters.writes > first]).toEqual([0, true]);
    const before = counters.writes;
    await idle.engine.device.read(Buffer.alloc(10), 40 * chunkBytes);
    await restoreAll(idle);
    expect(counters.lateWrites).toBe(counters.writes - before);

    const joined = await begin(fullSnapshot(1));
    const opened = Promise.withResolvers<void>();
    joined.snapshot.gate = opened.promise;
    joined.engine.startBackground();
    for (let turn = 0; turn < 5; turn++) await new Promise((go) => setImmediate(go));
    const writing = joined.engine.device.write(Buffer.alloc(10), 5);
    opened.resolve();
    await writing;
    expect(joined.disk.counters.lateWrites).toBe(0);
  });
});

describe('reads while restoring', () => {
  it('are answered before anything is on the disk', async () => {
    const setup = await begin(fullSnapshot(10));
    setup.disk.beforeBarrier = () => new Promise(() => undefined);
    const into = Buffer.alloc(chunkBytes);
    await setup.engine.device.read(into, 7 * chunkBytes);
    expectSame(into, (await plain(setup.snapshot)).subarray(7 * chunkBytes, 8 * chunkBytes));
  });

  it('fail where the chunk cannot be fetched, and succeed when it can be', async () => {
    const setup = await begin(fullSnapshot(10));
    setup.snapshot.fail.set(1, unavailable);
    await expect(setup.engine.device.read(Buffer.alloc(512), chunkBytes)).rejects.toBe(unavailable);
    await expect(setup.engine.device.write(Buffer.alloc(512), chunkBytes)).rejects.toBe(unavailable);
    setup.snapshot.fail.clear();
    expectSame(await readAll(setup), await plain(setup.snapshot));
  });

  it('are answered at once where all of their blocks are restored, and never else', async () => {
    const setup = await begin(fullSnapshot(10), { arity: 4 });
    const { device } = setup.engine;
    const expected = await plain(setup.snapshot);
    const into = Buffer.alloc(2 * chunkBytes);
    const now = (block: number, blocks: number) =>
      device.readNow(into.subarray(0, blocks * chunkBytes), block * chunkBytes);
    setup.disk.isCached = true;
    await setup.engine.pause();
    await device.prefetch(3 * chunkBytes, chunkBytes);
    expect([now(3, 1), now(2, 1), now(2, 2), now(3, 2)]).toEqual([true, false, false, false]);
    setup.disk.isCached = false;
    expect(now(3, 1)).toBe(false);
    setup.disk.isCached = true;
    await setup.engine.resumeBackground();
    expect(await setup.engine.ended()).toBe('restored');
    expect(now(6, 2)).toBe(true);
    expectSame(into, expected.subarray(6 * chunkBytes, 8 * chunkBytes));
    const noticed: number[] = [];
    device.onRead = (offsetBytes) => noticed.push(offsetBytes);
    now(1, 1);
    expect(noticed).toEqual([chunkBytes]);
    await setup.engine.close();
    expect(now(6, 2)).toBe(false);
  });

  it('never see memory that is used again already', async () => {
    const setup = await begin(fullSnapshot(100));
    const expected = await plain(setup.snapshot);
    setup.disk.beforeBarrier = async () => {
      for (let turn = 0; turn < 3; turn++) await new Promise((go) => setImmediate(go));
    };
    setup.engine.startBackground();
    const readers = Array.from({ length: 20 }, async (_, reader) => {
      for (let block = reader; setup.engine.state === 'restoring'; block = (block + 7) % 100) {
        const into = Buffer.alloc(chunkBytes);
        await setup.engine.device.read(into, block * chunkBytes);
        expectSame(into, expected.subarray(block * chunkBytes, (block + 1) * chunkBytes));
        await new Promise((go) => setImmediate(go));
      }
    });
    expect(await setup.engine.ended()).toBe('restored');
    await Promise.all(readers);
    expectSame(await readAll(setup), expected);
  });

  it('wait with the policy hang', async () => {
    const setup = await begin(fullSnapshot(10), { fetchErrorPolicy: 'hang' });
    setup.snapshot.fail.set(1, unavailable);
    const reading = setup.engine.device.read(Buffer.alloc(512), chunkBytes);
    while (setup.snapshot.fetched.length < 3) await new Promise((go) => setImmediate(go));
    setup.snapshot.fail.clear();
    await reading;
  });

  it('show zeroes behind the snapshot and never the padding of the last block', async () => {
    const snapshot = snapshotOf(3, 700);
    const setup = await begin(snapshot, { volumeBytes: 6 * chunkBytes + 100 });
    const expected = await plain(snapshot, 6 * chunkBytes + 100);
    expectSame(await readAll(setup), expected);
    await restoreAll(setup);
    expectSame(await readAll(setup), expected);
  });

  it('get an error where a mark on the way cannot be read, and only there', async () => {
    const setup = await begin(fullSnapshot(15));
    await setup.engine.device.read(Buffer.alloc(512), 9 * chunkBytes);
    await setup.engine.close();
    const again = await RestoreEngine.resume(setup.deps, setup.store.stored!);
    setup.disk.beforeRead = (offset) => {
      if (offset === 1 * chunkBytes) throw new HoldfastError('IO', 'bad sector');
    };
    for (const block of [1, 4, 9])
      await expect(again.device.read(Buffer.alloc(512), block * chunkBytes)).rejects.toMatchObject({
        code: 'IO',
      });
    await again.device.read(Buffer.alloc(512), 2 * chunkBytes);
    await again.device.read(Buffer.alloc(512), 6 * chunkBytes);
  });

  it('are told by the background, too, where a mark cannot be read', async () => {
    const setup = await begin(fullSnapshot(15));
    await setup.engine.device.read(Buffer.alloc(512), 9 * chunkBytes);
    await setup.engine.close();
    const troubles: string[] = [];
    const onTrouble = ({ code }: HoldfastError, block: number) => troubles.push(`${block} ${code}`);
    const again = await RestoreEngine.resume({ ...setup.deps, onTrouble }, setup.store.stored!);
    setup.disk.beforeRead = (offset) => {
      if (offset === 1 * chunkBytes) throw new HoldfastError('IO', 'bad sector');
    };
    again.startBackground();
    while (troubles.length === 0) await new Promise((go) => setImmediate(go));
    expect(troubles[0]).toBe('1 IO');
    setup.disk.beforeRead = () => undefined;
    expect(await again.ended()).toBe('restored');
  });
});

describe('a damaged chunk', () => {
  it('stops neither writes to other blocks nor the background', async () => {
    const trouble: number[] = [];
    const setup = await begin(fullSnapshot(20), { onTrouble: (_, block) => trouble.push(block) });
    setup.snapshot.fail.set(1, corrupt);
    await setup.engine.device.write(Buffer.alloc(100, 8), 9 * chunkBytes + 5000);
    setup.engine.startBackground();
    while (setup.engine.progress().fraction < 19 / 20) await new Promise((go) => setImmediate(go));
    expect(trouble).toContain(1);
    await expect(setup.engine.device.read(Buffer.alloc(512), chunkBytes)).rejects.toMatchObject({
      code: 'CORRUPT',
    });
    await setup.engine.device.write(Buffer.alloc(chunkBytes, 4), chunkBytes);
    expect(await setup.engine.ended()).toBe('restored');
  });

  it('is told as such once nothing else is left, and not while S3 is away', async () => {
    const stuck: string[] = [];
    const troubles: string[] = [];
    const setup = await begin(fullSnapshot(20), {
      onStuck: ({ message }) => stuck.push(`${message} ${setup.engine.progress().fraction}`),
      onTrouble: ({ code }, block) => troubles.push(`${block} ${code}`),
    });
    for (const block of [3, 7]) setup.snapshot.fail.set(block, corrupt);
    setup.snapshot.fail.set(12, new HoldfastError('UNAVAILABLE', 'S3 is away'));
    setup.engine.startBackground();
    const passes = () => troubles.filter((trouble) => trouble === '12 UNAVAILABLE').length;
    while (passes() < 4) await new Promise((go) => setImmediate(go));
    expect(stuck).toEqual([]);
    setup.snapshot.fail.delete(12);
    while (stuck.length < 2) await new Promise((go) => setImmediate(go));
    expect(new Set(stuck)).toEqual(new Set([`${corrupt.message} ${18 / 20}`]));
    setup.snapshot.fail.clear();
    expect(await setup.engine.ended()).toBe('restored');
  });
});

describe('a disk that fails', () => {
  it('is not read at once either, whoever has it', async () => {
    const { disk } = await begin(fullSnapshot(1));
    const device = new PlainDevice(disk, chunkBytes);
    disk.isCached = true;
    expect(device.readNow(Buffer.alloc(10), 0)).toBe(true);
    disk.beforeBarrier = () => Promise.reject(new HoldfastError('IO', 'gone'));
    await expect(device.flush()).rejects.toMatchObject({ code: 'IO' });
    expect(device.readNow(Buffer.alloc(10), 0)).toBe(false);
  });

  it('gives a write without room its error and loses nothing', async () => {
    const setup = await begin(fullSnapshot(10));
    setup.disk.beforeWrite = (offset) => {
      if (offset === 5 * chunkBytes) throw new HoldfastError('NO_SPACE', 'disk full');
    };
    await expect(setup.engine.device.write(Buffer.alloc(512, 1), 5 * chunkBytes)).rejects.toMatchObject({
      code: 'NO_SPACE',
    });
    // Its mark is missing, so its parent must still speak for it; the parent's other child is no worse off.
    await setup.engine.device.read(Buffer.alloc(512), 6 * chunkBytes);
    setup.disk.beforeWrite = () => undefined;
    await restoreAll(setup);
    expectSame(setup.disk.bytes(), await plain(setup.snapshot));
  });

  it('stops for good when a barrier fails, and goes on from the disk when it is opened again', async () => {
    const setup = await begin(fullSnapshot(10));
    await setup.engine.device.write(Buffer.alloc(chunkBytes, 3), 2 * chunkBytes);
    let failures = 0;
    setup.disk.beforeBarrier = () => {
      if (failures++ === 0) throw new HoldfastError('IO', 'fdatasync failed');
    };
    await expect(setup.engine.device.flush()).rejects.toMatchObject({ code: 'IO' });
    await expect(setup.engine.device.flush()).rejects.toMatchObject({ code: 'IO' });
    await expect(setup.engine.device.write(Buffer.alloc(512), 2 * chunkBytes)).rejects.toMatchObject({
      code: 'IO',
    });
    expect(failures).toBe(1);
    expect(setup.engine.state).toBe('failed');
    expect(await setup.engine.ended()).toBe('failed');
    await setup.engine.close();
    const engine = await RestoreEngine.resume(setup.deps, setup.store.stored!);
    await restoreAll({ ...setup, engine });
    const expected = await plain(setup.snapshot);
    expected.fill(3, 2 * chunkBytes, 3 * chunkBytes);
    expectSame(setup.disk.bytes(), expected);
  });
});

describe('a background that meets what it does not know', () => {
  it('says so, tries again and comes to its end', async () => {
    const troubles: string[] = [];
    const setup = await begin(snapshotOf(40), { onTrouble: (error) => troubles.push(error.message) });
    let looks = 0;
    setup.disk.freeBytes = () =>
      looks++ === 0 ? Promise.reject(new Error('statfs failed')) : Promise.resolve(undefined);
    const { save } = setup.store;
    let endings = 0;
    setup.store.save = async (descriptor) => {
      if (descriptor.moving.phase === 'restored' && endings++ === 0)
        throw new HoldfastError('NO_SPACE', 'the state directory is full');
      return save(descriptor);
    };
    await restoreAll(setup);
    expect(troubles).toEqual(['statfs failed', 'the state directory is full']);
    expectSame(await readAll(setup), await plain(setup.snapshot));
  });
});

describe('a write that is a mark', () => {
  const markOf = (setup: Setup, block: number) =>
    Buffer.from(encodeMark(markContextOf(setup.engine.descriptor), block, 'tree'));

  it('is refused, whole or in pieces, on restored and unrestored blocks', async () => {
    const setup = await begin(fullSnapshot(10));
    const { device } = setup.engine;
    const mark = markOf(setup, 4);
    const refused = { code: 'INVALID_INPUT' };
    await expect(
      device.write(Buffer.concat([mark, Buffer.alloc(chunkBytes - 64)]), 4 * chunkBytes),
    ).rejects.toMatchObject(refused);
    await expect(device.write(mark, 4 * chunkBytes)).rejects.toMatchObject(refused);
    await device.write(Buffer.alloc(chunkBytes), 4 * chunkBytes);
    await expect(device.write(mark, 4 * chunkBytes)).rejects.toMatchObject(refused);
    await device.write(mark.subarray(0, 30), 4 * chunkBytes);
    await expect(device.write(mark.subarray(30), 4 * chunkBytes + 30)).rejects.toMatchObject(refused);
    // Elsewhere these are bytes like any others.
    await device.write(mark, 4 * chunkBytes + 64);
    await device.write(mark, 5 * chunkBytes);
  });

  it('is like any other when the restore is over', async () => {
    const setup = await begin(fullSnapshot(4));
    await restoreAll(setup);
    await setup.engine.device.write(markOf(setup, 2), 2 * chunkBytes);
    const again = await RestoreEngine.resume(setup.deps, setup.store.stored!);
    const into = Buffer.alloc(64);
    await again.device.read(into, 2 * chunkBytes);
    expect(into).toEqual(markOf(setup, 2));
  });
});

describe('block status', () => {
  it('tells restored from unrestored blocks and holes from data, in bounded replies', async () => {
    const bytes = Buffer.alloc(10 * chunkBytes, 1).fill(0, 6 * chunkBytes, 8 * chunkBytes);
    const setup = await begin(new MemorySnapshot(bytes, chunkBytes));
    await setup.engine.device.write(Buffer.alloc(2 * chunkBytes), 3 * chunkBytes);
    const status = (context: 'holdfast:restore' | 'base:allocation', max: number) =>
      setup.engine.device.blockStatus(context, 100, 10 * chunkBytes - 100, max);
    expect(await status('holdfast:restore', 10)).toEqual([
      { lengthBytes: 3 * chunkBytes - 100, flags: 1 },
      { lengthBytes: 2 * chunkBytes, flags: 0 },
      { lengthBytes: 5 * chunkBytes, flags: 1 },
    ]);
    expect(await status('base:allocation', 2)).toEqual([
      { lengthBytes: 6 * chunkBytes - 100, flags: 0 },
      { lengthBytes: 2 * chunkBytes, flags: 3 },
    ]);
  });
});

describe('control', () => {
  it('pauses: nothing is fetched but what clients ask for', async () => {
    const setup = await begin(fullSnapshot(200));
    await setup.engine.pause();
    expect(setup.engine.state).toBe('paused');
    await setup.engine.device.read(Buffer.alloc(10), 150 * chunkBytes);
    expect(setup.snapshot.fetched).toEqual([150]);
    await setup.engine.resumeBackground();
    expect(await setup.engine.ended()).toBe('restored');
  });

  it('refuses everything after a cancel, also in a later life', async () => {
    const setup = await begin(fullSnapshot(20));
    await setup.engine.cancel();
    expect(await setup.engine.ended()).toBe('canceled');
    const again = await RestoreEngine.resume(setup.deps, setup.store.stored!);
    for (const { device } of [setup.engine, again])
      await expect(device.read(Buffer.alloc(10), 0)).rejects.toMatchObject({ code: 'GONE' });
  });

  it('takes another limit at once, while it runs or is paused, and remembers it', async () => {
    const clock = testClock();
    const { engine, store } = await begin(fullSnapshot(100), { clock });
    const startedAt = clock.now();
    await engine.limit(chunkBytes);
    expect(store.stored?.moving.bandwidthBytesPerSec).toBe(chunkBytes);
    while (engine.state === 'restoring' && clock.now() - startedAt < 10_000)
      await new Promise((go) => setImmediate(go));
    expect(engine.progress().fraction).toBeLessThan(0.15);
    await engine.pause();
    await engine.limit(2 * chunkBytes);
    expect(engine.state).toBe('paused');
    await engine.resumeBackground();
    await engine.limit(undefined);
    const unlimitedAt = clock.now();
    expect(await engine.ended()).toBe('restored');
    expect(clock.now() - unlimitedAt).toBeLessThan(1000);
    await expect(engine.limit(1)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(store.stored?.moving.bandwidthBytesPerSec).toBeUndefined();
  });

  it('reports a fraction, a rate and the time that is left', async () => {
    const clock = testClock();
    const setup = await begin(fullSnapshot(20), { clock });
    await setup.engine.device.write(Buffer.alloc(5 * chunkBytes), 0);
    await clock.sleep(1000);
    const { etaMs, ...progress } = setup.engine.progress();
    expect(progress).toMatchObject({
      fraction: 0.25,
      restoredBytes: 5 * chunkBytes,
      totalBytes: 20 * chunkBytes,
    });
    expect(progress.bytesPerSec).toBe(5 * chunkBytes);
    expect(etaMs).toBe(3000);
  });

  it('says when it is due by the promised rate, how late it is, and counts anew after a pause', async () => {
    const clock = testClock();
    const snapshot = fullSnapshot(20);
    const opening = Promise.withResolvers<void>();
    snapshot.gate = opening.promise;
    const { engine, store } = await begin(snapshot, { clock, promisedBytesPerSec: 4 * chunkBytes });
    expect(engine.progress().promise).toBeUndefined();
    const bytesPerSec = 4 * chunkBytes;
    engine.startBackground();
    const startedAtMs = clock.now();
    expect(engine.progress().promise).toEqual({ bytesPerSec, dueAtMs: startedAtMs + 5000, lateMs: 0 });
    await clock.sleep(1000);
    await engine.device.write(Buffer.alloc(2 * chunkBytes), 4 * chunkBytes);
    expect(engine.progress().promise).toEqual({ bytesPerSec, dueAtMs: startedAtMs + 5000, lateMs: 500 });

    const paused = engine.pause();
    opening.resolve();
    await paused;
    expect(engine.progress().promise).toBeUndefined();
    await clock.sleep(10_000);
    const { restoredBytes } = engine.progress();
    await engine.resumeBackground();
    const leftMs = Math.ceil(((20 * chunkBytes - restoredBytes) / bytesPerSec) * 1000);
    expect(engine.progress().promise).toMatchObject({ dueAtMs: clock.now() + leftMs, lateMs: 0 });
    expect(await engine.ended()).toBe('restored');
    expect(engine.progress().promise).toBeUndefined();
    expect(store.stored?.moving.promisedBytesPerSec).toBe(bytesPerSec);
  });

  it('fetches more at once while it is behind what was promised', async () => {
    const most = async (promise: { promisedBytesPerSec?: number }): Promise<number> => {
      let nowMs = 0;
      const clock = { ...testClock(), now: () => (nowMs += 1000) };
      const opening = Promise.withResolvers<void>();
      const snapshot = new MemorySnapshot(Buffer.alloc(0), chunkBytes, 40 * 4 * 2 ** 20);
      snapshot.gate = opening.promise;
      let begun = 0;
      const readChunks = snapshot.readChunks.bind(snapshot);
      snapshot.readChunks = (start, end) => {
        begun += 1;
        return readChunks(start, end);
      };
      const { engine } = await begin(snapshot, { clock, ...promise });
      engine.startBackground();
      for (let turns = 0; turns < 500; turns += 1) await new Promise(setImmediate);
      const atOnce = begun;
      const closed = engine.close();
      opening.resolve();
      await closed;
      return atOnce;
    };
    expect(await most({})).toBe(8);
    expect(await most({ promisedBytesPerSec: 2 ** 40 })).toBe(16);
  });

  it('stops at once while the snapshot cannot be reached', async () => {
    const setup = await begin(fullSnapshot(20));
    await setup.engine.close();
    const never = new LazySource(setup.store.stored!, () => new Promise(() => undefined));
    const engine = await RestoreEngine.resume({ ...setup.deps, source: never }, setup.store.stored!);
    engine.startBackground();
    const reading = engine.device.read(Buffer.alloc(10), 0);
    await engine.pause();
    await engine.close();
    await expect(reading).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('gives volumes that share a limit equal parts of it', async () => {
    const clock = testClock();
    const sharedBandwidth = new Bandwidth(clock, 10 * chunkBytes);
    const both = await Promise.all([1, 2].map(() => begin(fullSnapshot(60), { clock, sharedBandwidth })));
    for (const { engine } of both) engine.startBackground();
    await Promise.race(both.map(({ engine }) => engine.ended()));
    for (const { engine } of both) expect(engine.progress().fraction).toBeGreaterThan(0.85);
    await Promise.all(both.map(({ engine }) => engine.ended()));
  });

  it('keeps to a schedule for all, unless somebody chose a limit for this restore', async () => {
    const clock = testClock();
    const took = async (chosenBytesPerSec?: number) => {
      const scheduledBandwidth = new Bandwidth(clock, 10 * chunkBytes);
      const setup = await begin(fullSnapshot(100), { clock, scheduledBandwidth });
      if (chosenBytesPerSec) await setup.engine.limit(chosenBytesPerSec);
      const startedAt = clock.now();
      await restoreAll(setup);
      return Math.round((clock.now() - startedAt) / 1_000);
    };
    expect(await took()).toBeCloseTo(10, -0.5);
    expect(await took(50 * chunkBytes)).toBeCloseTo(2, -0.5);
    expect(await took(5 * chunkBytes)).toBeCloseTo(20, -0.5);
  });

  it('keeps to a schedule that changes while it runs', async () => {
    const clock = testClock();
    const scheduledBandwidth = new Bandwidth(clock, 1);
    const setup = await begin(fullSnapshot(100), { clock, scheduledBandwidth });
    const startedAt = clock.now();
    setup.engine.startBackground();
    await clock.sleep(1_000);
    scheduledBandwidth.set(50 * chunkBytes);
    await setup.engine.restartBackground();
    expect(await setup.engine.ended()).toBe('restored');
    expect(clock.now() - startedAt).toBeLessThan(5_000);
  });

  it('keeps the background within its bandwidth', async () => {
    const clock = testClock();
    const setup = await begin(fullSnapshot(100), {
      clock,
      sharedBandwidth: new Bandwidth(clock, 10 * chunkBytes),
    });
    const startedAt = clock.now();
    await restoreAll(setup);
    expect(clock.now() - startedAt).toBeGreaterThan(9000);
    expect(clock.now() - startedAt).toBeLessThan(12_000);
  });
});
