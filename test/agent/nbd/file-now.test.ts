import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileNow } from '../../../agent/nbd/file-now.ts';
import { openFileDevice, type FileIo } from '../../../agent/nbd/file-device.ts';

const folder = mkdtempSync(join(tmpdir(), 'file-now-'));
const path = join(folder, 'image');
const page = Buffer.alloc(4096, 0xbb);
const opened: number[] = [];
const openFile = (flags = 'r+', blockBytes = 512, nowMs = () => 0) => {
  const fd = openSync(path, flags);
  opened.push(fd);
  return fileNow(fd, { linuxFile: undefined, blockBytes, nowMs });
};

beforeEach(() => writeFileSync(path, Buffer.alloc(65536, 0xaa)));
afterEach(() => opened.splice(0).forEach((fd) => closeSync(fd)));
afterAll(() => rmSync(folder, { recursive: true }));

describe('what a file does at once', () => {
  it('writes whole pages', () => {
    expect(openFile().write(page, 8192)).toBe(true);
    expect(readFileSync(path).equals(Buffer.alloc(65536, 0xaa).fill(page, 8192, 12288))).toBe(true);
  });

  it.each([
    ['a part of a page', 100, 0, 512],
    ['a page and a part', 4097, 0, 512],
    ['a page that is not aligned', 4096, 512, 512],
    ['a part of a larger block', 4096, 0, 8192],
  ])('leaves %s to a thread: the rest may have to be read first', (_what, length, offset, blockBytes) => {
    expect(openFile('r+', blockBytes).write(Buffer.alloc(length), offset)).toBe(false);
    expect(readFileSync(path).equals(Buffer.alloc(65536, 0xaa))).toBe(true);
  });

  it('leaves what fails to a thread, which says why', () => {
    expect(openFile('r').write(page, 0)).toBe(false);
  });

  it('reads nothing without the native binding', () => {
    expect(openFile().read(Buffer.alloc(1), 0)).toBe(false);
  });

  describe('where writes are slow', () => {
    /** Writes, each of which takes `tookMs`, with `pauseMs` in between; how many were done at once. */
    const writes = (count: number, tookMs: number, pauseMs: number) => {
      let atMs = 5000;
      let step = 0;
      const file = openFile('r+', 512, () => (atMs += step)); // looks before and after a write
      let done = 0;
      for (let i = 0; i < count; i++) {
        atMs += pauseMs;
        step = 0;
        const before = atMs;
        step = tookMs;
        if (file.write(page, 0)) done++;
        else atMs = before;
      }
      step = 0;
      return { done, after: (ms: number) => ((atMs += ms), file.write(page, 0)) };
    };

    it('leaves them to threads for ten seconds once they take most of the time', () => {
      const { done, after } = writes(1000, 20, 1);
      expect(done).toBeGreaterThan(4);
      expect(done).toBeLessThan(15);
      expect(after(8000)).toBe(false);
      expect(after(2000)).toBe(true);
    });

    it('leaves them to threads after a single long wait', () => {
      expect(writes(2, 150, 0).done).toBe(1);
    });

    it('goes on where they take less than half of it, as on a machine with much to do', () => {
      expect(writes(1000, 20, 60).done).toBe(1000);
    });
  });
});

describe('a file device at once', () => {
  it('writes nothing while a sync is under way, and nothing after one failed', async () => {
    const sync = Promise.withResolvers<void>();
    const device = await openFileDevice(path, {
      wrapIo: (io): FileIo => ({ ...io, sync: () => sync.promise }),
    });
    expect(device.writeNow!(page, 0)).toBe(true);
    const flushing = device.flush();
    expect(device.writeNow!(page, 0)).toBe(false);
    sync.reject(new Error('the disk is gone'));
    await expect(flushing).rejects.toMatchObject({ code: 'IO' });
    expect(device.writeNow!(page, 0)).toBe(false);
    await device.close();
  });

  it('writes again once a sync has succeeded', async () => {
    const device = await openFileDevice(path);
    await device.flush();
    expect(device.writeNow!(page, 0)).toBe(true);
    await device.close();
  });

  it('writes nothing to a read-only file', async () => {
    const device = await openFileDevice(path, { readOnly: true });
    expect(device.writeNow!(page, 0)).toBe(false);
    await device.close();
  });
});
