import { execFile } from 'node:child_process';
import { openSync } from 'node:fs';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openFileTarget } from '../../../agent/restore/file-target.ts';
import { without, writeNow, type LateWriter } from '../../../agent/transfer/late-writes.ts';
import { TransferThread } from '../../../agent/transfer/transfer-thread.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const [shortBytes, longBytes] = [5000, 8192];

it('does not take a resize of its own for somebody else’s cut', async () => {
  const path = join(temporaryDirectory(), 'disk');
  await writeFile(path, Buffer.alloc(longBytes));
  const target = await openFileTarget(path);
  let isOver = false;
  const barriers = Array.from({ length: 3 }, async () => {
    while (!isOver) await target.barrier();
  });
  for (let round = 0; round < 1000; round++) await target.resize(round % 2 === 0 ? longBytes : shortBytes);
  isOver = true;
  await Promise.all(barriers);
  await truncate(path, shortBytes - 1);
  // Nor does a write of its own hide one.
  await expect(target.write([Buffer.alloc(10)], shortBytes - 10)).rejects.toMatchObject({ code: 'IO' });
  await expect(target.zero(shortBytes - 10, 10)).rejects.toMatchObject({ code: 'IO' });
  await expect(target.barrier()).rejects.toMatchObject({ code: 'IO' });
  await target.close();
});

describe('late writes', () => {
  let thread: TransferThread;
  beforeEach(() => (thread = new TransferThread({})));
  afterEach(() => thread.close());

  const opened = async (writer: LateWriter = thread) => {
    const path = join(temporaryDirectory(), 'disk');
    await writeFile(path, Buffer.alloc(longBytes));
    const target = await openFileTarget(path);
    target.writeLateBy(writer);
    return { path, target };
  };
  const late = { late: true };
  const shared = (text: string): Uint8Array => {
    const bytes = new Uint8Array(new SharedArrayBuffer(text.length));
    bytes.set(Buffer.from(text));
    return bytes;
  };

  it('arrive in their places, those of one turn together', async () => {
    const orders: number[] = [];
    const { path, target } = await opened({
      write: (file, writes) => {
        orders.push(writes.length);
        return thread.write(file, writes);
      },
    });
    await Promise.all([
      target.write([Buffer.from('ab'), shared('cd')], 3, late),
      target.write([shared('xyz').subarray(1)], 4096, late),
      target.write([Buffer.from('now')], 100),
    ]);
    await target.write([Buffer.from('!')], 7, late);
    const bytes = await readFile(path);
    expect([bytes.toString('latin1', 3, 8), bytes.toString('latin1', 4096, 4098)]).toEqual(['abcd!', 'yz']);
    expect(bytes.toString('latin1', 100, 103)).toBe('now');
    expect(orders).toEqual([2, 1]);
    await target.close();
  });

  it('are refused where somebody cut the file, each other one stays good', async () => {
    const { path, target } = await opened();
    await target.write([Buffer.from('ok')], 0, late);
    await truncate(path, shortBytes);
    await expect(target.write([Buffer.from('no')], 0, late)).rejects.toMatchObject({
      code: 'IO',
      message: expect.stringContaining('cut'),
    });
    await expect(target.lost).resolves.toMatchObject({ code: 'IO' });
    expect((await readFile(path)).length).toBe(shortBytes);
    await target.close();
  });

  it('say why the disk refuses them', async () => {
    expect(
      await thread.write({ fd: openSync('/dev/full', 'w') }, [{ parts: [Buffer.from('x')], offsetBytes: 0 }]),
    ).toMatchObject([{ code: 'ENOSPC' }]);
    const { target } = await opened({ write: async () => [{ code: 'ENOSPC', message: 'no space' }] });
    await expect(target.write([Buffer.from('x')], 0, late)).rejects.toMatchObject({ code: 'NO_SPACE' });
    await target.close();
  });

  it('make zeroes, punched or not', async () => {
    const { path, target } = await opened();
    await target.write([Buffer.alloc(longBytes, 'x')], 0, late);
    await Promise.all([target.zero(100, 200, late), target.zero(4096, 4096, late)]);
    const expected = Buffer.alloc(longBytes, 'x').fill(0, 100, 300).fill(0, 4096);
    expect(await readFile(path)).toEqual(expected);
    expect(writeNow(target, { offsetBytes: 0, zeroBytes: 50 })).toBeUndefined();
    expect(await readFile(path)).toEqual(expected.fill(0, 0, 50));
    expect(writeNow({ fd: openSync('/dev/full', 'w') }, { offsetBytes: 0, zeroBytes: 50 })).toMatchObject({
      code: 'ENOSPC',
    });
    await target.close();
  });

  it('are made by this thread where the other one has died', async () => {
    const { path, target } = await opened({ write: () => Promise.reject(new Error('it ended')) });
    await target.write([Buffer.from('abc')], 3, late);
    await target.zero(4, 1, late);
    expect((await readFile(path)).toString('latin1', 3, 6)).toBe('a\0c');
    await target.close();
  });
});

it('leaves of a short write what is not written yet', () => {
  const parts = [Buffer.from('abc'), Buffer.from(''), Buffer.from('de')];
  const left = (count: number) => without(parts, count).map(String);
  expect([0, 2, 3, 4, 5].map(left)).toEqual([
    ['abc', '', 'de'].filter(Boolean),
    ['c', 'de'],
    ['de'],
    ['e'],
    [],
  ]);
});

it('reads at once what the page cache has', async () => {
  const path = join(temporaryDirectory(), 'disk');
  await writeFile(path, Buffer.alloc(longBytes, 'some bytes '));
  const target = await openFileTarget(path);
  const into = Buffer.alloc(100);
  await target.read(into, 4096);
  for (let turn = 0; !target.readNow!(into.fill(0), 4096) && turn < 1000; turn++)
    await new Promise((go) => setImmediate(go));
  expect(into).toEqual((await readFile(path)).subarray(4096, 4196));
  await target.close();
});

it('writes on behind a short write, whoever writes', async () => {
  const path = join(temporaryDirectory(), 'disk');
  await writeFile(path, Buffer.alloc(longBytes));
  const module = (name: string) => JSON.stringify(new URL(`../../../agent/${name}`, import.meta.url).href);
  const code = `
    import { openFileTarget } from ${module('restore/file-target.ts')};
    import { writeNow } from ${module('transfer/late-writes.ts')};
    process.on('SIGXFSZ', () => undefined);
    const target = await openFileTarget(${JSON.stringify(path)});
    const parts = [Buffer.alloc(4000, 'a'), Buffer.alloc(4000, 'b'), Buffer.alloc(4000, 'c')];
    console.log(await target.write(parts, 0).then(() => 'written', (error) => error.code));
    console.log(writeNow(target, { parts, offsetBytes: 0 })?.code);`;
  // The kernel takes what fits below the limit, and refuses the rest when it is asked again.
  const node = [process.execPath, '--input-type=module', '-e', code];
  const { stdout } = await promisify(execFile)('prlimit', ['--fsize=10000', ...node]);
  expect(stdout.trim().split('\n')).toEqual(['NO_SPACE', 'EFBIG']);
  expect((await readFile(path)).toString('latin1', 9990)).toBe('c'.repeat(10));
});
