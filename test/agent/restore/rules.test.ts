import { BarrierOwner } from '../../../agent/restore/barrier-owner.ts';
import { geometryFor, newDescriptor, newRestoreId } from '../../../agent/restore/restore-plan.ts';
import { PlainDevice } from '../../../agent/restore/plain-device.ts';
import { RestoreEngine } from '../../../agent/restore/restore-engine.ts';
import { reserveBytes } from '../../../agent/restore/background-filler.ts';
import { DescriptorKeeper } from '../../../agent/restore/descriptor-store.ts';
import { LazySource } from '../../../agent/restore/lazy-source.ts';
import { Settler } from '../../../agent/restore/settler.ts';
import { markContextOf } from '../../../agent/restore/starter.ts';
import { StateFinder } from '../../../agent/restore/state-finder.ts';
import { HoldfastError } from '../../../core/errors.ts';
import { BlockStates } from '../../../core/restore/block-states.ts';
import { makeGeometry } from '../../../core/restore/geometry.ts';
import { describeMark, encodeMark, markBytes } from '../../../core/restore/mark.ts';
import { begin, MemoryDisk, MemorySnapshot, testClock } from './memory-world.ts';

/** Rules that the model test cannot see: what they guard against is a disk or a chance that it does not model. */
const chunkBytes = 8192;
const fullSnapshot = (chunks: number, bytes = chunkBytes) =>
  new MemorySnapshot(Buffer.alloc(chunks * bytes, 'snapshot '), bytes);
/** Its chunks come one a turn, so that something can happen in the course of a restore. */
const slowSnapshot = (chunks: number) => {
  const snapshot = fullSnapshot(chunks, 4096);
  const readChunk = snapshot.readChunk.bind(snapshot);
  snapshot.readChunk = async (...args) => {
    await new Promise((go) => setImmediate(go));
    return readChunk(...args);
  };
  return snapshot;
};

describe('a mark', () => {
  it('is no other restore’s: its id and its key are drawn anew', () => {
    const source = fullSnapshot(3);
    const identity = { kind: 'device', serial: 's', sizeBytes: source.sizeBytes } as const;
    const make = () =>
      newDescriptor({
        ...{ volumeId: 'v', path: '/p', identity, restoreId: newRestoreId(), source },
        geometry: geometryFor(source.sizeBytes, source),
      }).frozen;
    const many = Array.from({ length: 20 }, make);
    expect(new Set(many.map(({ restoreId }) => restoreId)).size).toBe(20);
    expect(new Set(many.map(({ markKey }) => markKey)).size).toBe(20);
    expect(many[0]).toMatchObject({
      restoreId: expect.stringMatching(/^[0-9a-f]{32}$/),
      markKey: expect.stringMatching(/^[0-9a-f]{32,}$/),
    });
  });

  it('is written as a whole page, so that a disk of 4 KiB sectors cannot tear it', async () => {
    const setup = await begin(fullSnapshot(40), { arity: 3 });
    const lengths = new Set<number>();
    const write = setup.disk.write.bind(setup.disk);
    setup.disk.write = (parts, offset, options) => {
      const bytes = Buffer.concat(parts);
      if (describeMark(bytes)) lengths.add(bytes.length);
      return write(parts, offset, options);
    };
    await setup.engine.device.read(Buffer.alloc(10), 30 * chunkBytes);
    setup.engine.startBackground();
    expect(await setup.engine.ended()).toBe('restored');
    expect([...lengths].sort((a, b) => a - b)).toEqual([4096, chunkBytes]);
  });

  it('of which a bit has flipped makes its block and those below it unreadable', async () => {
    const setup = await begin(fullSnapshot(15));
    await setup.engine.device.read(Buffer.alloc(512), 9 * chunkBytes);
    await setup.engine.close();
    const mark = Buffer.alloc(markBytes);
    await setup.disk.read(mark, chunkBytes);
    mark[markBytes - 1]! ^= 1;
    await setup.disk.write([mark], chunkBytes);
    const again = await RestoreEngine.resume(setup.deps, setup.store.stored!);
    for (const block of [1, 4, 9])
      await expect(again.device.read(Buffer.alloc(512), block * chunkBytes)).rejects.toMatchObject({
        code: 'IO',
      });
    await again.device.read(Buffer.alloc(512), 6 * chunkBytes);
  });
});

it('a chunk that is longer or shorter than it must be never reaches the disk', async () => {
  for (const lengthBytes of [chunkBytes - 1, chunkBytes + 1]) {
    const setup = await begin(fullSnapshot(4));
    setup.snapshot.readChunk = async () => new Uint8Array(lengthBytes);
    const before = setup.disk.counters.writes;
    await expect(setup.engine.device.read(Buffer.alloc(10), chunkBytes)).rejects.toMatchObject({
      code: 'CORRUPT',
    });
    await expect(setup.engine.device.write(Buffer.alloc(10), chunkBytes)).rejects.toMatchObject({
      code: 'CORRUPT',
    });
    expect(setup.disk.counters.writes).toBe(before);
  }
});

it('a barrier comes at least every 8 MiB, or a flush would wait long', async () => {
  const setup = await begin(fullSnapshot(64, 1024 * 1024));
  let dirtyBytes = 0;
  let mostBytes = 0;
  const write = setup.disk.write.bind(setup.disk);
  setup.disk.write = (parts, offset, options) => {
    dirtyBytes += parts.reduce((sum, part) => sum + part.length, 0);
    mostBytes = Math.max(mostBytes, dirtyBytes);
    return write(parts, offset, options);
  };
  setup.disk.beforeBarrier = () => void (dirtyBytes = 0);
  setup.engine.startBackground();
  expect(await setup.engine.ended()).toBe('restored');
  // Heads of the batch before, and marks, are pages on top of it.
  expect(mostBytes).toBeLessThan(9 * 1024 * 1024);
  expect(mostBytes).toBeGreaterThan(7 * 1024 * 1024);
});

it('a block of zeroes gets its head written and never punched, by a trim, a hole or the background', async () => {
  const snapshot = new MemorySnapshot(Buffer.alloc(20 * chunkBytes), chunkBytes);
  const setup = await begin(snapshot);
  const zeroed: number[] = [];
  const zero = setup.disk.zero.bind(setup.disk);
  setup.disk.zero = (offset, length) => {
    zeroed.push(offset);
    return zero(offset, length);
  };
  await setup.engine.device.trim(12 * chunkBytes, chunkBytes);
  await setup.engine.device.writeZeroes(14 * chunkBytes, chunkBytes);
  setup.engine.startBackground();
  expect(await setup.engine.ended()).toBe('restored');
  expect(zeroed.length).toBe(20);
  expect(zeroed.filter((offset) => offset % chunkBytes === 0)).toEqual([]);
  expect(setup.disk.bytes().every((byte) => byte === 0)).toBe(true);
});

describe('a barrier that fails', () => {
  const failing = () => {
    const disk = new MemoryDisk(chunkBytes);
    const gate = Promise.withResolvers<void>();
    disk.beforeBarrier = () => gate.promise;
    return { disk, owner: new BarrierOwner(disk), gate };
  };
  const io = new HoldfastError('IO', 'gone');

  it('fails those that wait behind it, without another try', async () => {
    const { disk, owner, gate } = failing();
    const first = owner.barrier();
    await Promise.resolve();
    const second = owner.flush();
    gate.reject(io);
    await expect(first).rejects.toMatchObject({ code: 'IO' });
    await expect(second).rejects.toBe(owner.failure);
    await expect(owner.barrier()).rejects.toBe(owner.failure);
    expect(disk.counters.barriers).toBe(1);
  });

  it('lets none succeed that ran when the volume stopped for another reason', async () => {
    const { owner, gate } = failing();
    const running = owner.barrier();
    await Promise.resolve();
    owner.fail(io);
    gate.resolve();
    await expect(running).rejects.toBe(owner.failure);
  });

  it('lets no write be acknowledged whose heads were on their way', async () => {
    const setup = await begin(fullSnapshot(1));
    const { device } = setup.engine;
    const heads = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    const write = setup.disk.write.bind(setup.disk);
    let barriers = 0;
    setup.disk.beforeBarrier = () => {
      barriers += 1;
      if (barriers > 1) throw io;
    };
    setup.disk.write = async (...args) => {
      await write(...args);
      if (barriers === 0) return;
      reached.resolve();
      await heads.promise;
    };
    const writing = device.write(Buffer.alloc(10), 5);
    await reached.promise;
    await expect(device.flush()).rejects.toMatchObject({ code: 'IO' });
    heads.resolve();
    await expect(writing).rejects.toMatchObject({ code: 'IO' });
  });

  it('ends a volume that is not being restored, too', async () => {
    const disk = new MemoryDisk(chunkBytes);
    const device = new PlainDevice(disk, chunkBytes);
    disk.beforeBarrier = () => Promise.reject(io);
    await device.write(Buffer.alloc(10), 0);
    await expect(device.flush()).rejects.toMatchObject({ code: 'IO' });
    disk.beforeBarrier = () => undefined;
    const requests = [
      device.write(Buffer.alloc(10), 0),
      device.write(Buffer.alloc(10), 0, { fua: true }),
      device.trim(0, 10),
      device.read(Buffer.alloc(10), 0),
      device.flush(),
    ];
    for (const one of await Promise.allSettled(requests))
      expect(one).toMatchObject({ status: 'rejected', reason: { code: 'IO' } });
    expect(disk.counters.barriers).toBe(1);
  });
});

describe('the cursor', () => {
  it('covers what the barrier before it covers, and not what was restored meanwhile', async () => {
    const { disk, store, deps } = await begin(fullSnapshot(8));
    const states = new BlockStates(8, 0);
    const keeper = new DescriptorKeeper(store, store.stored!);
    const geometry = makeGeometry({ ...store.stored!.frozen, diskBytes: disk.sizeBytes });
    const finder = new StateFinder({ tree: geometry.tree, states, readMark: async () => 'none' });
    const barriers = new BarrierOwner(disk);
    const settler = new Settler({ geometry, states, finder, barriers, keeper, target: deps.target });
    for (let block = 0; block < 3; block++) states.set(block, 'restored');
    disk.beforeBarrier = () => states.set(3, 'restored');
    await settler.storeCursor();
    expect(store.stored!.moving.cursor).toBe(3);
  });

  it('is trusted after a restart: nothing below it is looked at', async () => {
    const setup = await begin(slowSnapshot(10_000));
    setup.engine.startBackground();
    while (setup.engine.progress().fraction === 0) await new Promise((go) => setImmediate(go));
    await setup.engine.pause();
    await setup.engine.close();
    const { cursor } = setup.store.stored!.moving;
    expect(cursor).toBeGreaterThan(100);
    const again = await RestoreEngine.resume(setup.deps, setup.store.stored!);
    const looked: number[] = [];
    setup.disk.beforeRead = (offset) => void looked.push(Math.floor(offset / 4096));
    await again.resumeBackground();
    expect(await again.ended()).toBe('restored');
    expect(looked.length).toBeGreaterThan(0);
    expect(looked.filter((block) => block < cursor)).toEqual([]);
  });
});

it('a restored volume takes any bytes, also when it is opened again', async () => {
  const setup = await begin(fullSnapshot(4));
  setup.engine.startBackground();
  expect(await setup.engine.ended()).toBe('restored');
  const again = await RestoreEngine.resume(setup.deps, setup.store.stored!);
  await again.device.write(encodeMark(markContextOf(setup.store.stored!), 2, 'tree'), 2 * chunkBytes);
  const looked = setup.disk.counters.reads;
  await again.device.read(Buffer.alloc(10), 2 * chunkBytes + 100);
  expect(setup.disk.counters.reads).toBe(looked + 1);
});

describe('the background', () => {
  it('leaves room on the file system, says so, and goes on when there is some again', async () => {
    const troubles: HoldfastError[] = [];
    const setup = await begin(fullSnapshot(20), { onTrouble: (error) => troubles.push(error) });
    let freeBytes = reserveBytes - 1;
    setup.disk.freeBytes = async () => freeBytes as unknown as undefined;
    setup.engine.startBackground();
    while (troubles.length < 3) await new Promise((go) => setImmediate(go));
    expect(troubles[0]).toMatchObject({ code: 'NO_SPACE' });
    expect(setup.snapshot.fetched).toEqual([]);
    // Clients may use what is left.
    await setup.engine.device.write(Buffer.alloc(10), 5 * chunkBytes);
    freeBytes = reserveBytes;
    expect(await setup.engine.ended()).toBe('restored');
  });

  it('stops at a pause in its course, and stays stopped', async () => {
    const setup = await begin(slowSnapshot(10_000));
    setup.engine.startBackground();
    while (setup.snapshot.fetched.length < 20) await new Promise((go) => setImmediate(go));
    await setup.engine.pause();
    const fetched = setup.snapshot.fetched.length;
    for (let turn = 0; turn < 100; turn++) await new Promise((go) => setImmediate(go));
    expect(setup.snapshot.fetched.length).toBe(fetched);
    expect(fetched).toBeLessThan(10_000);
    await setup.engine.close();
  });

  it('alone is limited: what clients ask for is there at once', async () => {
    const clock = testClock();
    const setup = await begin(fullSnapshot(200), { clock });
    await setup.engine.limit(1);
    setup.engine.startBackground();
    await new Promise((go) => setImmediate(go));
    const sleep = clock.sleep.bind(clock);
    // From here on no time passes, so nobody who waits for the limit comes any further.
    clock.sleep = () => new Promise(() => undefined);
    for (let block = 100; block < 120; block++)
      await setup.engine.device.read(Buffer.alloc(10), block * chunkBytes);
    clock.sleep = sleep;
    expect(setup.snapshot.fetched).toEqual(expect.arrayContaining([100, 119]));
  });

  it('comes after what clients wait for', async () => {
    const setup = await begin(fullSnapshot(3000), { arity: 16 });
    const order: number[] = [];
    const write = setup.disk.write.bind(setup.disk);
    setup.disk.write = (parts, offset, options) => {
      if (parts.reduce((sum, part) => sum + part.length, 0) === chunkBytes) order.push(offset / chunkBytes);
      return write(parts, offset, options);
    };
    // The first batch is held at its barrier until more of the background and a client are in line.
    const gate = Promise.withResolvers<void>();
    setup.disk.beforeBarrier = () => gate.promise;
    setup.engine.startBackground();
    while (setup.snapshot.fetched.length < 1600) await new Promise((go) => setImmediate(go));
    const first = order.length;
    const writing = setup.engine.device.write(Buffer.alloc(10), 2900 * chunkBytes);
    while (!setup.snapshot.fetched.includes(2900)) await new Promise((go) => setImmediate(go));
    await new Promise((go) => setImmediate(go));
    gate.resolve();
    await writing;
    // Within a batch the blocks are in order; of many batches it is in the next one.
    expect(order.indexOf(2900)).toBeLessThan(first + 512);
    await setup.engine.close();
  });
});

it('a read of a hole, and of what lies behind a short last chunk, overwrites what the buffer held', async () => {
  const bytes = Buffer.alloc(2 * chunkBytes + 100).fill(7, 2 * chunkBytes);
  const setup = await begin(new MemorySnapshot(bytes, chunkBytes), { volumeBytes: 4 * chunkBytes });
  const into = Buffer.alloc(4 * chunkBytes, 0xff);
  await setup.engine.device.read(into, 0);
  expect(Buffer.compare(into, Buffer.concat([bytes, Buffer.alloc(4 * chunkBytes - bytes.length)]))).toBe(0);
});

it('a restart serves what is restored without the snapshot', async () => {
  const setup = await begin(fullSnapshot(10));
  await setup.engine.device.prefetch(3 * chunkBytes, chunkBytes);
  await setup.engine.close();
  const source = new LazySource(setup.store.stored!, () => new Promise(() => undefined));
  const again = await RestoreEngine.resume({ ...setup.deps, source }, setup.store.stored!);
  const into = Buffer.alloc(9);
  await again.device.read(into, 3 * chunkBytes);
  expect(Buffer.compare(into, (await setup.snapshot.readChunk(3))!.subarray(0, 9))).toBe(0);
});

it('a write to a restored block is not acknowledged when the volume has stopped meanwhile', async () => {
  const setup = await begin(fullSnapshot(1));
  await setup.engine.device.prefetch(0, 10);
  const gate = Promise.withResolvers<void>();
  const write = setup.disk.write.bind(setup.disk);
  setup.disk.write = async (...args) => {
    await gate.promise;
    return write(...args);
  };
  const writing = setup.engine.device.write(Buffer.alloc(10), 100);
  setup.disk.beforeBarrier = () => Promise.reject(new HoldfastError('IO', 'gone'));
  await expect(setup.engine.device.flush()).rejects.toMatchObject({ code: 'IO' });
  gate.resolve();
  await expect(writing).rejects.toMatchObject({ code: 'IO' });
});

it('no write stays behind, at whatever moment it comes in line', async () => {
  /** True where it is over after so many turns of the event loop; in memory everything takes a few. */
  const isOver = async (work: Promise<unknown>): Promise<boolean> => {
    let over = false;
    void work.then(() => (over = true));
    for (let turn = 0; turn < 200 && !over; turn++) await new Promise((go) => setImmediate(go));
    return over;
  };
  const whole = Buffer.alloc(chunkBytes, 1);
  const after = async (hops: number): Promise<void> => {
    for (let hop = 0; hop < hops; hop++) await Promise.resolve();
  };
  for (let hops = 0; hops < 40; hops++) {
    const { device } = (await begin(fullSnapshot(2))).engine;
    const behind = device.write(whole, 0).then(() => after(hops));
    expect([hops, await isOver(behind.then(() => device.write(whole, chunkBytes)))]).toEqual([hops, true]);
    const beside = (await begin(fullSnapshot(2))).engine.device;
    const reading = beside.prefetch(0, chunkBytes);
    const writing = after(hops).then(() => beside.write(whole, chunkBytes));
    expect([hops, await isOver(Promise.all([reading, writing]))]).toEqual([hops, true]);
  }
});

it('a volume that is much larger than its snapshot is restored to its end, which is zeroes', async () => {
  const setup = await begin(fullSnapshot(3), { volumeBytes: 5000 * chunkBytes });
  setup.engine.startBackground();
  expect(await setup.engine.ended()).toBe('restored');
  const bytes = setup.disk.bytes();
  expect(bytes.subarray(3 * chunkBytes).every((byte) => byte === 0)).toBe(true);
  expect(bytes.toString('latin1', 0, 9)).toBe('snapshot ');
});
