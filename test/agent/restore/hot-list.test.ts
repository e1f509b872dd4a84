import { FirstReads } from '../../../agent/restore/first-reads.ts';
import { RestoreEngine } from '../../../agent/restore/restore-engine.ts';
import { HoldfastError } from '../../../core/errors.ts';
import { hotChunksMax } from '../../../core/snapshot/hot-list.ts';
import { begin, MemorySnapshot } from './memory-world.ts';

const chunkBytes = 4096;
const grain = 256 * 1024;
const full = (chunks: number, hot: readonly number[]) => {
  const snapshot = new MemorySnapshot(Buffer.alloc(chunks * chunkBytes, 7), chunkBytes);
  snapshot.hot = hot;
  return snapshot;
};
const ascending = (count: number, without: readonly number[]) =>
  Array.from({ length: count }, (_, i) => i).filter((i) => !without.includes(i));

/** Starts the background with a limit, however high: it then fetches one run at a time. */
const oneByOne = (engine: RestoreEngine) => engine.limit(2 ** 40);

describe('a restore whose snapshot has a hot list', () => {
  it('fetches in its order first, then the rest, each chunk once', async () => {
    const hot = [70, 71, 72, 5, 99, 0, 40];
    for (const arity of [2, 3, 16]) {
      const snapshot = full(100, hot);
      const { engine, disk } = await begin(snapshot, { arity });
      await oneByOne(engine);
      expect(await engine.ended()).toBe('restored');
      expect(snapshot.fetched).toEqual([...hot, ...ascending(100, hot)]);
      expect(disk.bytes().every((byte) => byte === 7)).toBe(true);
    }
  });

  it('lets what a client asks for go first', async () => {
    const snapshot = full(3000, [2000, 1000]);
    const { engine } = await begin(snapshot);
    const gate = Promise.withResolvers<void>();
    snapshot.gate = gate.promise;
    const read = engine.device.read(Buffer.alloc(512), 2500 * chunkBytes);
    engine.startBackground();
    gate.resolve();
    await read;
    await engine.ended();
    expect(snapshot.fetched.slice(0, 4)).toEqual([2500, 2000, 1000, 0]);
  });

  it('goes on with what is left of it in its next life', async () => {
    const hot = [30, 9, 20];
    const snapshot = full(40, hot);
    const { engine, deps, store } = await begin(snapshot);
    await engine.device.read(Buffer.alloc(512), 30 * chunkBytes);
    await engine.close();
    snapshot.fetched.length = 0;
    const next = await RestoreEngine.resume(deps, store.stored!);
    const before = deps.clock.now();
    await oneByOne(next);
    await next.ended();
    // What is restored already is no trouble that one waits after.
    expect(deps.clock.now() - before).toBeLessThan(500);
    expect(snapshot.fetched).toEqual([9, 20, ...ascending(40, hot)]);
  });

  it('does without a damaged one and says so', async () => {
    const damaged = full(10, []);
    damaged.hotChunks = () => Promise.reject(new HoldfastError('CORRUPT', 'the list is damaged'));
    const troubles: string[] = [];
    const other = await begin(damaged, { onTrouble: (error) => troubles.push(error.message) });
    other.engine.startBackground();
    expect(await other.engine.ended()).toBe('restored');
    expect(troubles).toEqual(['the list is damaged']);
    expect(damaged.fetched).toEqual(ascending(10, []));
  });

  it('asks again for one that could not be had, before it restores', async () => {
    const snapshot = full(10, [7]);
    const answers = [new HoldfastError('UNAVAILABLE', 'S3 is away'), undefined];
    snapshot.hotChunks = async () => {
      const failure = answers.shift();
      if (failure) throw failure;
      return snapshot.hot;
    };
    const { engine } = await begin(snapshot);
    engine.startBackground();
    await engine.ended();
    expect(snapshot.fetched[0]).toBe(7);
  });

  it('passes over a damaged chunk of it', async () => {
    const snapshot = full(20, [15, 16, 17]);
    snapshot.fail.set(16, new HoldfastError('CORRUPT', 'chunk 16 is damaged'));
    const { engine } = await begin(snapshot, { onTrouble: () => snapshot.fail.clear() });
    await oneByOne(engine);
    expect(await engine.ended()).toBe('restored');
    expect(snapshot.fetched.slice(0, 4)).toEqual([15, 16, 17, 0]);
  });
});

describe('first reads', () => {
  it('are kept in order, each part once, in the chunks of any snapshot', () => {
    const reads = new FirstReads();
    expect(reads.isEmpty).toBe(true);
    reads.note(5 * grain + 100, 4096);
    reads.note(2 * grain - 1, 2);
    reads.note(5 * grain, grain);
    reads.note(9 * grain, 0);
    expect(reads.chunks(grain)).toEqual([5, 1, 2]);
    expect(reads.chunks(4 * grain)).toEqual([1, 0]);
    expect(reads.chunks(grain / 2)).toEqual([10, 11, 2, 3, 4, 5]);
    reads.clear();
    expect(reads.chunks(grain)).toEqual([]);
  });

  it('are bounded', () => {
    const reads = new FirstReads();
    reads.note(0, 2 ** 50);
    expect(reads.chunks(grain)).toHaveLength(hotChunksMax);
    expect(reads.chunks(4096)).toHaveLength(hotChunksMax);
  });
});
