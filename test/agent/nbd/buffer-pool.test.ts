import { BufferPool } from '../../../agent/nbd/buffer-pool.ts';

const MiB = 1 << 20;

describe('a pool of buffers', () => {
  it('hands the buffer that came back last out again', () => {
    const pool = new BufferPool(8 * MiB);
    const [first, second] = [pool.take(MiB), pool.take(MiB)];
    pool.give(first);
    pool.give(second.subarray(100, 200)); // any view stands for the whole
    expect(pool.keptBytes).toBe(first.length + second.length);
    expect(pool.take(MiB + 16).buffer).toBe(second.buffer);
    expect(pool.take(MiB).buffer).toBe(first.buffer);
    expect(pool.keptBytes).toBe(0);
  });

  it.each([65536, 65537, MiB - 28, MiB, MiB + 28, MiB + 4096, MiB + 4097, 32 * MiB + 28])(
    'takes %i bytes or more, and less than twice as many',
    (lengthBytes) => {
      const { length } = new BufferPool(0).take(lengthBytes);
      expect(length).toBeGreaterThanOrEqual(lengthBytes);
      expect(length).toBeLessThan(2 * lengthBytes + 4096);
    },
  );

  it('keeps one buffer once, however often it is given back, and none that is not its own', () => {
    const pool = new BufferPool(8 * MiB);
    const taken = pool.take(MiB);
    pool.give(taken);
    pool.give(taken);
    pool.give(Buffer.allocUnsafeSlow(MiB));
    pool.give(pool.take(100)); // small ones are cut from one that others use, too
    expect(pool.take(MiB).buffer).toBe(taken.buffer);
    expect(pool.take(MiB).buffer).not.toBe(taken.buffer);
    expect(pool.keptBytes).toBe(0);
  });

  it('keeps no more than its maximum, and nothing once it is cleared', () => {
    const pool = new BufferPool(2 * MiB);
    const taken = [pool.take(MiB), pool.take(MiB), pool.take(MiB)];
    for (const buffer of taken) pool.give(buffer);
    expect(pool.keptBytes).toBe(taken[0]!.length);
    pool.clear();
    expect(pool.keptBytes).toBe(0);
    expect(pool.take(MiB).buffer).not.toBe(taken[0]!.buffer);
  });
});
