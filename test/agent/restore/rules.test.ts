import { BarrierOwner } from '../../../agent/restore/barrier-owner.ts';
import { geometryFor, newDescriptor, newRestoreId } from '../../../agent/restore/restore-plan.ts';
import { PlainDevice } from '../../../agent/restore/plain-device.ts';
import { RestoreEngine } from '../../../agent/restore/restore-engine.ts';
import { HoldfastError } from '../../../core/errors.ts';
import { describeMark, markBytes } from '../../../core/restore/mark.ts';
import { begin, MemoryDisk, MemorySnapshot } from './memory-world.ts';

/** Rules that the model test cannot see: what they guard against is a disk or a chance that it does not model. */
const chunkBytes = 8192;
const fullSnapshot = (chunks: number, bytes = chunkBytes) =>
  new MemorySnapshot(Buffer.alloc(chunks * bytes, 'snapshot '), bytes);

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
