import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileError, openFileDevice, type FileIo } from '../../../agent/nbd/file-device.ts';
import { loadLinuxFile } from '../../../agent/nbd/linux-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'file-device-'));
const path = join(folder, 'image');
const MiB = 1 << 20;
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => writeFileSync(path, Buffer.alloc(MiB, 0xaa)));

const failure = (code: string): Error => Object.assign(new Error(`${code}: as injected`), { code });

describe('a file as a block device', () => {
  it('reads, writes, zeroes and trims', async () => {
    const device = await openFileDevice(path);
    await device.write(Buffer.from('hello'), 4090);
    await device.writeZeroes(8192, 5000);
    await device.trim(65536, 65536, { fua: true });
    await device.flush();
    const into = Buffer.alloc(6);
    await device.read(into, 4089);
    expect(into.toString('latin1')).toBe('\xaahello');
    await device.close();
    const expected = Buffer.alloc(MiB, 0xaa);
    expected.write('hello', 4090);
    expected.fill(0, 8192, 8192 + 5000).fill(0, 65536, 131072);
    expect(readFileSync(path).equals(expected)).toBe(true);
    expect(statSync(path).size).toBe(MiB);
  });

  it('writes zeroes where they cannot be punched', async () => {
    const none = {
      zeroRange: async () => false,
      zeroRangeNow: () => false,
      readNow: () => undefined,
      nextHole: () => undefined,
      nextData: () => undefined,
    };
    const device = await openFileDevice(path, { linuxFile: none });
    await device.writeZeroes(100, 600_000);
    expect(await device.blockStatus!('base:allocation', 0, MiB, 16)).toEqual([
      { lengthBytes: MiB, flags: 0 },
    ]);
    await device.close();
    expect(readFileSync(path).equals(Buffer.alloc(MiB, 0xaa).fill(0, 100, 600_100))).toBe(true);
  });

  it('reports holes, bounded and partially', async () => {
    if (!(await loadLinuxFile())) throw new Error('the native binding does not load on this machine');
    const device = await openFileDevice(path);
    await device.trim(65536, 65536);
    await device.trim(MiB - 65536, 65536);
    const status = (offset: number, length: number, max: number) =>
      device.blockStatus!('base:allocation', offset, length, max);
    expect(await status(0, MiB, 16)).toEqual([
      { lengthBytes: 65536, flags: 0 },
      { lengthBytes: 65536, flags: 3 },
      { lengthBytes: MiB - 3 * 65536, flags: 0 },
      { lengthBytes: 65536, flags: 3 },
    ]);
    expect(await status(70_000, 100, 16)).toEqual([{ lengthBytes: 100, flags: 3 }]);
    expect(await status(0, MiB, 2)).toHaveLength(2);
    expect(await device.blockStatus!('holdfast:restore', 0, MiB, 9)).toEqual([
      { lengthBytes: MiB, flags: 0 },
    ]);
    await device.close();
  });

  it('reads at once what the page cache holds all of, and nothing else', async () => {
    const linuxFile = (await loadLinuxFile())!;
    const answers: (number | undefined)[] = [];
    const device = await openFileDevice(path, {
      linuxFile: {
        ...linuxFile,
        readNow: (fd, into, offset) => {
          const answer = answers.shift();
          return answer ? linuxFile.readNow(fd, into.subarray(0, answer), offset) : answer;
        },
      },
    });
    const into = Buffer.alloc(4096);
    const readNow = (answer: number | undefined) => {
      answers.push(answer);
      return device.readNow!(into, 8192);
    };
    expect(readNow(4096)).toBe(true);
    expect(into.equals(Buffer.alloc(4096, 0xaa))).toBe(true);
    expect(readNow(100)).toBe(false); // a part
    expect(readNow(0)).toBe(false); // nothing
    expect(readNow(4096)).toBe(true);
    expect(readNow(undefined)).toBe(false); // the file system cannot: it is not asked again
    expect(readNow(4096)).toBe(false);
    expect(answers).toEqual([4096]);
    await device.read(into.fill(0), 8192);
    expect(into.equals(Buffer.alloc(4096, 0xaa))).toBe(true);
    await device.close();
  });

  it('keeps the space of zeroes without a hole', async () => {
    const device = await openFileDevice(path);
    await device.trim(0, MiB);
    await device.flush();
    expect(statSync(path).blocks).toBe(0);
    await device.writeZeroes(0, MiB, { noHole: true, fua: true });
    expect(statSync(path).blocks).toBeGreaterThan(0);
    await device.close();
  });

  it('loops over short reads and writes', async () => {
    const short = (io: FileIo): FileIo => ({
      ...io,
      read: (into, offset) => io.read(into.subarray(0, 7), offset),
      write: (from, offset) => io.write(from.subarray(0, 5), offset),
    });
    const device = await openFileDevice(path, { wrapIo: short });
    const text = Buffer.from('the quick brown fox jumps over the lazy dog');
    await device.write(text, 1000);
    const into = Buffer.alloc(text.length);
    await device.read(into, 1000);
    expect(into.equals(text)).toBe(true);
    await device.close();
  });

  it.each([
    ['ENOSPC', 'NO_SPACE'],
    ['EDQUOT', 'NO_SPACE'],
    ['EFBIG', 'NO_SPACE'],
    ['EIO', 'IO'],
  ])('maps a write that fails with %s to %s', async (code, expected) => {
    const device = await openFileDevice(path, {
      wrapIo: (io) => ({ ...io, write: () => Promise.reject(failure(code)) }),
    });
    await expect(device.write(Buffer.alloc(10), 0)).rejects.toMatchObject({ code: expected });
    await device.close();
  });

  it('acknowledges nothing after a sync that failed, although the next one would succeed', async () => {
    let fails = 1;
    const once = (io: FileIo): FileIo => ({
      ...io,
      sync: () => (fails-- > 0 ? Promise.reject(failure('EIO')) : io.sync()),
    });
    const device = await openFileDevice(path, { wrapIo: once });
    await expect(device.flush()).rejects.toMatchObject({ code: 'IO' });
    await expect(device.flush()).rejects.toMatchObject({ code: 'IO' });
    await expect(device.write(Buffer.alloc(10), 0)).rejects.toMatchObject({ code: 'IO' });
    await expect(device.writeZeroes(0, 10)).rejects.toMatchObject({ code: 'IO' });
    await device.close();
  });

  it('syncs for FUA and after the write, not without it', async () => {
    const order: string[] = [];
    const watch = (io: FileIo): FileIo => ({
      read: io.read,
      write: async (from, offset) => {
        const count = await io.write(from, offset);
        order.push('write');
        return count;
      },
      sync: async () => {
        order.push('sync');
        await io.sync();
      },
    });
    const device = await openFileDevice(path, { wrapIo: watch });
    await device.write(Buffer.alloc(10), 0);
    await device.write(Buffer.alloc(10), 0, { fua: true });
    expect(order).toEqual(['write', 'write', 'sync']);
    await device.trim(0, 4096, { fua: true });
    expect(order.at(-1)).toBe('sync');
    await device.close();
  });

  it('says that a file was truncated under it', async () => {
    const device = await openFileDevice(path);
    truncateSync(path, 5000);
    await expect(device.read(Buffer.alloc(4096), 4096)).rejects.toMatchObject({
      code: 'IO',
      message: expect.stringContaining('truncated'),
    });
    await device.close();
  });

  it('makes no file long again that somebody cut: what was cut off would read as zeroes', async () => {
    const device = await openFileDevice(path);
    truncateSync(path, 8192);
    const page = Buffer.alloc(4096, 1);
    expect(device.writeNow?.(page, MiB - 4096)).toBe(false);
    const refused = { code: 'IO', message: expect.stringContaining(`somebody else cut ${path} to 8192 of`) };
    await expect(device.write(page, MiB - 4096)).rejects.toMatchObject(refused);
    await expect(device.writeZeroes(MiB - 4096, 4096, { noHole: true })).rejects.toMatchObject(refused);
    await expect(device.read(page, MiB / 2)).rejects.toMatchObject({ code: 'IO' });
    expect(statSync(path).size).toBe(8192);
    await device.close();
  });

  it.each(['ENOSPC', 'EDQUOT', 'EFBIG'])('says what to do about %s', (code) => {
    const error = fileError('resize', path, failure(code));
    expect(error).toMatchObject({ code: 'NO_SPACE', hint: expect.any(String) });
  });

  it('refuses what cannot be served, by name', async () => {
    const hint = expect.any(String);
    await expect(openFileDevice(join(folder, 'none'))).rejects.toMatchObject({ code: 'NOT_FOUND', hint });
    await expect(openFileDevice(folder)).rejects.toMatchObject({ code: 'INVALID_INPUT', hint });
    writeFileSync(path, '');
    await expect(openFileDevice(path)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });

  it('never writes to a read-only file', async () => {
    const device = await openFileDevice(path, { readOnly: true });
    expect(device.readOnly).toBe(true);
    await expect(device.write(Buffer.alloc(10), 0)).rejects.toMatchObject({ code: 'IO' });
    await device.close();
  });
});
