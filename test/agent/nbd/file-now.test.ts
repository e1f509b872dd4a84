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

  it('leaves writes to threads for a hundred times as long as one had to wait', () => {
    const startMs = 5000;
    let atMs = startMs;
    let tookMs = 0;
    const clock = () => (atMs += tookMs); // a write looks before and after
    const file = openFile('r+', 512, clock);
    tookMs = 7;
    expect(file.write(page, 0)).toBe(true);
    expect(file.write(page, 0)).toBe(true);
    tookMs = 20;
    expect(file.write(page, 0)).toBe(true);
    const waitedFromMs = atMs - 20;
    tookMs = 0;
    expect(file.write(page, 0)).toBe(false);
    atMs = waitedFromMs + 1999;
    expect(file.write(page, 0)).toBe(false);
    atMs = waitedFromMs + 2000;
    expect(file.write(page, 0)).toBe(true);
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
