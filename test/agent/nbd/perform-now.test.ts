import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serveNbd, type NbdServer } from '../../../agent/nbd/server.ts';
import { memoryDevice, type MemoryDevice } from './memory-device.ts';
import { requestBytes, simpleReply, transmitting, type RawClient } from './raw-client.ts';

const MiB = 1 << 20;

/** Requests that the device performs at once, next to others that it does not. */
describe('NBD requests that need not wait', () => {
  const folder = mkdtempSync(join(tmpdir(), 'nbd-now-'));
  const faults: unknown[] = [];
  let device: MemoryDevice;
  let server: NbdServer;
  let client: RawClient;
  /** Offsets that are not in the cache. */
  let cold: (offsetBytes: number) => boolean;

  beforeEach(async () => {
    faults.length = 0;
    device = memoryDevice(8 * MiB, { maxBytes: 4 * MiB });
    for (let at = 0; at < device.sizeBytes; at += 4) device.bytes.writeUInt32LE(at, at);
    cold = () => false;
    device.readNow = (into, offset) => {
      if (cold(offset)) return false;
      device.calls.push(`now ${offset}+${into.length}`);
      into.set(device.bytes.subarray(offset, offset + into.length));
      return true;
    };
    device.writeNow = (from, offset) => {
      if (cold(offset)) return false;
      device.calls.push(`now write ${offset}+${from.length}`);
      device.bytes.set(from, offset);
      return true;
    };
    server = await serveNbd({
      listen: { unix: join(folder, 'socket') },
      exports: () => [{ name: 'v', device }],
      log: (_level, event, fields) => event === 'nbd.fault' && faults.push(fields),
    });
    client = await transmitting(server.address, 'v');
  });
  afterEach(async () => {
    client.socket.destroy();
    await server.close();
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const reads = (ranges: readonly (readonly [number, number])[]) =>
    client.send(
      ...ranges.map(([offset, length], cookie) => requestBytes({ type: 0, offset, length, cookie })),
    );
  /** Reads all replies, in whatever order they come. */
  const expectReplies = async (ranges: readonly (readonly [number, number])[]) => {
    const left = new Set(ranges.keys());
    while (left.size > 0) {
      const { error, cookie } = await simpleReply(client);
      expect(error).toBe(0);
      expect(left.delete(cookie)).toBe(true);
      const [offset, length] = ranges[cookie]!;
      const isRight = (await client.read(length)).equals(device.bytes.subarray(offset, offset + length));
      expect(isRight).toBe(true);
    }
  };

  it('answers many that come together, in order', async () => {
    const ranges = Array.from({ length: 1000 }, (_, i) => [(i * 7919) % MiB, 1 + (i % 5000)] as const);
    reads(ranges);
    for (const [cookie, [offset, length]] of ranges.entries()) {
      expect(await simpleReply(client)).toEqual({ error: 0, cookie });
      expect((await client.read(length)).equals(device.bytes.subarray(offset, offset + length))).toBe(true);
    }
    expect(device.calls.every((call) => call.startsWith('now'))).toBe(true);
  });

  it('answers those that wait, too, with the others in between', async () => {
    cold = (offset) => offset % 3 === 0;
    const ranges = Array.from({ length: 500 }, (_, i) => [i, i % 50 === 0 ? 3 * MiB : 4096] as const);
    reads(ranges);
    await expectReplies(ranges);
    expect(device.calls.filter((call) => call.startsWith('now')).length).toBeGreaterThan(300);
    expect(device.calls.filter((call) => call.startsWith('read')).length).toBeGreaterThan(150);
  });

  it.each([1, 4096, 65536, 131072])('performs writes of %i bytes, at once or not', async (lengthBytes) => {
    cold = (offset) => (offset / lengthBytes) % 5 === 4;
    const count = 60;
    const payloads = Array.from({ length: count }, (_, i) => Buffer.alloc(lengthBytes, i + 1));
    client.send(
      ...payloads.map((payload, cookie) =>
        requestBytes({ type: 1, offset: cookie * lengthBytes, length: lengthBytes, cookie, payload }),
      ),
    );
    const left = new Set(payloads.keys());
    while (left.size > 0) {
      const { error, cookie } = await simpleReply(client);
      expect([error, left.delete(cookie)]).toEqual([0, true]);
    }
    expect(device.bytes.subarray(0, count * lengthBytes).equals(Buffer.concat(payloads))).toBe(true);
    expect(device.calls.filter((call) => call.startsWith('write'))).toHaveLength(count / 5);
  });

  it('performs a FUA write as usual, and one above 128 KiB', async () => {
    const payload = Buffer.alloc(131073, 1);
    client.send(
      requestBytes({ type: 1, flags: 1, length: 4096, payload: payload.subarray(0, 4096), cookie: 1 }),
      requestBytes({ type: 1, length: payload.length, payload, cookie: 2 }),
    );
    const replies = [await simpleReply(client), await simpleReply(client)];
    expect(replies.map(({ cookie }) => cookie).sort()).toEqual([1, 2]);
    expect(device.calls).toEqual(['write 0+4096 fua', 'write 0+131073']);
  });

  it('reads no further ahead than a client takes its replies, and goes on when it does', async () => {
    client.socket.pause();
    const ranges = Array.from({ length: 40 }, (_, i) => [i, 256 * 1024] as const);
    reads(ranges);
    let before = -1;
    while (before !== device.calls.length) {
      before = device.calls.length;
      for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    }
    expect(device.calls.length).toBeLessThan(8); // 512 KiB, one more, and what the kernel took
    client.socket.resume();
    await expectReplies(ranges);
  });

  it('holds on to the bytes of a write that failed', async () => {
    const chunks = new Set<ArrayBufferLike>();
    device.writeNow = (from) => {
      chunks.add(from.buffer);
      return true;
    };
    device.write = (from) => {
      chunks.add(from.buffer);
      return Promise.reject(new Error('one of two disks is gone'));
    };
    const payload = Buffer.alloc(50_000, 1);
    client.send(requestBytes({ type: 1, length: payload.length, payload, cookie: 1 }));
    expect(await simpleReply(client)).toEqual({ error: 0, cookie: 1 });
    const freed = [...chunks].map(({ byteLength }) => byteLength);
    chunks.clear();
    client.send(requestBytes({ type: 1, flags: 1, length: payload.length, payload, cookie: 2 }));
    expect(await simpleReply(client)).toEqual({ error: 5, cookie: 2 });
    expect(freed).toContain(0);
    for (const { byteLength } of chunks) expect(byteLength).toBeGreaterThan(0);
  });

  it('holds on to the bytes of a write that waits', async () => {
    cold = (offset) => offset === 0;
    const gate = Promise.withResolvers<void>();
    device.hooks.before = () => gate.promise;
    const first = Buffer.alloc(50_000, 1);
    client.send(requestBytes({ type: 1, length: first.length, payload: first, cookie: 1 }));
    while (!device.calls.includes('write 0+50000')) await new Promise(setImmediate);
    const later = Buffer.alloc(50_000, 2);
    for (let round = 0; round < 20; round++) {
      client.send(requestBytes({ type: 1, offset: MiB, length: 50_000, payload: later, cookie: 2 }));
      expect(await simpleReply(client)).toEqual({ error: 0, cookie: 2 });
    }
    gate.resolve();
    expect(await simpleReply(client)).toEqual({ error: 0, cookie: 1 });
    expect(device.bytes.subarray(0, 50_000).equals(first)).toBe(true);
  });

  it('stops at a client that does not read its replies', async () => {
    client.socket.pause();
    const ranges = Array.from({ length: 600 }, (_, i) => [i, 65536] as const); // 37.5 MiB
    reads(ranges);
    const taken = async () => {
      for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
      return device.calls.length;
    };
    let before = -1;
    while (before !== device.calls.length) before = await taken();
    expect(device.calls.length).toBeLessThan(300); // 16 MiB and what the kernel took
    client.socket.resume();
    await expectReplies(ranges);
  });

  it('answers all before it obeys a disconnect request', async () => {
    const ranges = Array.from({ length: 20 }, (_, i) => [i * 4096, 4096] as const);
    client.send(
      ...ranges.map(([offset, length], cookie) => requestBytes({ type: 0, offset, length, cookie })),
      requestBytes({ type: 2 }),
    );
    await expectReplies(ranges);
    expect(await client.end()).toHaveLength(0);
  });

  it('turns a device that throws into EIO and a log line', async () => {
    const { readNow } = device;
    device.readNow = (into, offset) => {
      if (offset === 4096) throw new TypeError('bug in the device');
      return readNow!(into, offset);
    };
    client.send(requestBytes({ type: 0, offset: 4096, length: 1, cookie: 1 }));
    expect(await simpleReply(client)).toEqual({ error: 5, cookie: 1 });
    expect(faults).toMatchObject([{ message: 'bug in the device' }]);
    reads([[0, 100]]);
    await expectReplies([[0, 100]]);
  });

  it('keeps unread replies as they are while others are served', async () => {
    const unread = Array.from({ length: 100 }, (_, i) => [i * 1000, 65536] as const);
    const other = await transmitting(server.address, 'v');
    /** `count` replies in one batch; as many as fill it reach the end of its buffer. */
    const ask = async (count: number) => {
      const request = requestBytes({ type: 0, offset: 4 * MiB, length: 60_000 });
      other.send(...Array.from({ length: count }, () => request));
      const expected = device.bytes.subarray(4 * MiB, 4 * MiB + 60_000);
      for (let i = 0; i < count; i++) {
        expect(await simpleReply(other)).toEqual({ error: 0, cookie: 0 });
        expect((await other.read(60_000)).equals(expected)).toBe(true);
      }
    };
    await ask(1);
    client.socket.pause();
    reads(unread);
    while (device.calls.length < 9) await new Promise(setImmediate);
    for (let round = 0; round < 10; round++) await ask(4);
    client.socket.resume();
    await expectReplies(unread);
    other.socket.destroy();
  });

  it('serves a client that comes after one which left its replies behind', async () => {
    reads(Array.from({ length: 200 }, (_, i) => [i, 65536] as const));
    client.socket.destroy();
    client = await transmitting(server.address, 'v');
    const ranges = Array.from({ length: 100 }, (_, i) => [i * 1000, 65536] as const);
    reads(ranges);
    await expectReplies(ranges);
  });
});
