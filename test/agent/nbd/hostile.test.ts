import { HoldfastError } from '../../../core/errors.ts';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LogFields } from '../../../core/log.ts';
import { serveNbd, type NbdServer } from '../../../agent/nbd/server.ts';
import { seeded } from '../../support/random.ts';
import { memoryDevice, type MemoryDevice } from './memory-device.ts';
import {
  optionBytes,
  rawConnect,
  requestBytes,
  simpleReply,
  transmitting,
  type RawClient,
} from './raw-client.ts';

/** What a client can do to hurt the server. After every test an honest client must still be served. */
describe('NBD server under hostile clients', () => {
  const folder = mkdtempSync(join(tmpdir(), 'nbd-hostile-'));
  const logged: { event: string; fields: LogFields | undefined }[] = [];
  let device: MemoryDevice;
  let server: NbdServer;
  const gates: PromiseWithResolvers<void>[] = [];
  /** Every call of the device waits until the gate is resolved; it is at the test's end. */
  const hold = (): PromiseWithResolvers<void> => {
    const gate = Promise.withResolvers<void>();
    gates.push(gate);
    device.hooks.before = () => gate.promise;
    return gate;
  };

  beforeEach(async () => {
    device = memoryDevice(8 << 20, { maxBytes: 4 << 20 });
    logged.length = 0;
    server = await serveNbd({
      listen: { unix: join(folder, 'socket') },
      exports: () => [{ name: 'v', device }],
      connectionsMax: 4,
      handshakeTimeoutMs: 60_000,
      closeGraceMs: 100,
      log: (_level, event, fields) => logged.push({ event, fields }),
    });
  });
  afterEach(async () => {
    for (const gate of gates.splice(0)) gate.resolve();
    device.hooks.before = undefined;
    try {
      const honest = await transmitting(server.address, 'v');
      honest.send(requestBytes({ type: 1, offset: 0, length: 4, cookie: 1, payload: Buffer.from('fine') }));
      expect(await simpleReply(honest)).toEqual({ error: 0, cookie: 1 });
      honest.send(requestBytes({ type: 0, offset: 0, length: 4, cookie: 2 }));
      expect(await simpleReply(honest)).toEqual({ error: 0, cookie: 2 });
      expect((await honest.read(4)).toString()).toBe('fine');
      honest.send(requestBytes({ type: 2 }));
      await honest.end();
    } finally {
      await server.close();
    }
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each([
    ['unknown client flags', [Buffer.from([0, 0, 0, 0x84])]],
    ['an HTTP request', [Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')]],
    ['an option without magic', [Buffer.from([0, 0, 0, 3]), Buffer.alloc(16, 0xff)]],
    [
      'an option that announces 4 GiB',
      [Buffer.from([0, 0, 0, 3]), Buffer.from('49484156454f505400000007ffffffff', 'hex')],
    ],
    ['an export that does not exist', [Buffer.from([0, 0, 0, 3]), optionBytes(1, Buffer.from('other'))]],
  ])('closes on %s', async (_what, bytes) => {
    const client = await rawConnect(server.address);
    client.send(...bytes);
    expect(await client.end()).toHaveLength(18); // the greeting and nothing else
  });

  it('cuts off a client that sends options without reading the answers', async () => {
    const client = await rawConnect(server.address);
    client.socket.pause();
    client.send(Buffer.from([0, 0, 0, 3]));
    const flood = Buffer.concat(Array.from({ length: 100_000 }, () => optionBytes(3)));
    client.socket.write(flood);
    await expect(violation()).resolves.toMatch(/without waiting/);
    client.socket.resume();
    await client.end();
  });

  it('cuts off a client that never chooses an export', async () => {
    const hasty = await serveNbd({
      listen: { unix: join(folder, 'hasty') },
      exports: () => [],
      handshakeTimeoutMs: 1,
    });
    try {
      const client = await rawConnect(hasty.address);
      await client.end();
    } finally {
      await hasty.close();
    }
  });

  it.each([
    ['a request without magic', Buffer.alloc(28, 1)],
    ['a write that announces 4 GiB', requestBytes({ type: 1, length: 0xffffffff })],
  ])('closes on %s', async (_what, bytes) => {
    const client = await transmitting(server.address, 'v');
    client.send(bytes);
    expect(await client.end()).toHaveLength(0);
    expect(device.calls).toEqual([]);
  });

  it('refuses a write above the maximum, drops its bytes and goes on', async () => {
    const client = await transmitting(server.address, 'v');
    client.send(requestBytes({ type: 1, length: 5 << 20, cookie: 8, payload: Buffer.alloc(5 << 20) }));
    expect(await simpleReply(client)).toEqual({ error: 22, cookie: 8 });
    client.send(requestBytes({ type: 3, cookie: 9 }));
    expect(await simpleReply(client)).toEqual({ error: 0, cookie: 9 });
    expect(device.calls).toEqual(['flush']);
    client.socket.destroy();
  });

  it.each([
    ['a read past the end', { type: 0, offset: 2n ** 64n - 1n, length: 4096 }, 22],
    ['a write past the end', { type: 1, offset: 8 << 20, length: 1, payload: Buffer.alloc(1) }, 28],
    ['a read of 4 GiB', { type: 0, length: 0xffffffff }, 22],
    ['an unknown command', { type: 77, length: 1 }, 22],
    ['block status without a context', { type: 7, length: 1 }, 22],
  ])('answers %s with an errno and goes on', async (_what, request, error) => {
    const client = await transmitting(server.address, 'v');
    client.send(requestBytes({ ...request, cookie: 3 }), requestBytes({ type: 3, cookie: 4 }));
    expect(await simpleReply(client)).toEqual({ error, cookie: 3 });
    expect(await simpleReply(client)).toEqual({ error: 0, cookie: 4 });
    client.socket.destroy();
  });

  it('stops reading a client that has too many requests in flight', async () => {
    const gate = hold();
    const client = await transmitting(server.address, 'v');
    const requests = Array.from({ length: 1000 }, (_, i) => requestBytes({ type: 0, length: 1, cookie: i }));
    client.send(...requests);
    await until(() => device.calls.length === 128);
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate); // every chance to take more
    expect(device.calls).toHaveLength(128);
    gate.resolve();
    await client.read(1000 * 17);
    expect(device.calls).toHaveLength(1000);
    client.socket.destroy();
  });

  it('stops reading a client that does not read its replies', async () => {
    const client = await transmitting(server.address, 'v');
    client.socket.pause();
    const requests = Array.from({ length: 30 }, (_, i) =>
      requestBytes({ type: 0, length: 4 << 20, cookie: i }),
    );
    client.send(...requests);
    await until(() => device.calls.length >= 4);
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    expect(device.calls.length).toBeLessThan(10); // 16 MiB and what the kernel took, not 120 MiB
    client.socket.resume();
    await client.read(30 * (16 + (4 << 20)));
    client.socket.destroy();
  });

  it('lets the device finish what a client left behind, and no reply reaches anybody', async () => {
    const gate = hold();
    const client = await transmitting(server.address, 'v');
    client.send(requestBytes({ type: 1, offset: 100, length: 4, payload: Buffer.from('left') }));
    await until(() => device.calls.length === 1);
    client.socket.destroy();
    await once(client.socket, 'close');
    const closing = server.disconnect('v');
    gate.resolve();
    await closing;
    expect(device.bytes.toString('latin1', 100, 104)).toBe('left');
  });

  it('answers what is in flight before it obeys a disconnect request', async () => {
    const gate = hold();
    const client = await transmitting(server.address, 'v');
    client.send(
      requestBytes({ type: 3, cookie: 5 }),
      requestBytes({ type: 2 }),
      requestBytes({ type: 3, cookie: 6 }),
    );
    await until(() => device.calls.length === 1);
    gate.resolve();
    expect(await simpleReply(client)).toEqual({ error: 0, cookie: 5 });
    expect(await client.end()).toHaveLength(0);
  });

  it('turns a device that throws into EIO and a log line', async () => {
    device.hooks.before = () => {
      throw new TypeError('bug in the device');
    };
    const client = await transmitting(server.address, 'v');
    client.send(requestBytes({ type: 0, length: 512, cookie: 1 }));
    expect(await simpleReply(client)).toEqual({ error: 5, cookie: 1 });
    expect(logged.find(({ event }) => event === 'nbd.fault')?.fields).toMatchObject({
      message: 'bug in the device',
    });
    client.socket.destroy();
  });

  it('writes ever fewer lines about a device that goes on failing', async () => {
    device.hooks.before = () => {
      throw new HoldfastError('IO', 'bad disk');
    };
    const client = await transmitting(server.address, 'v');
    for (let cookie = 1; cookie <= 20; cookie++) {
      client.send(requestBytes({ type: 0, length: 512, cookie }));
      expect(await simpleReply(client)).toEqual({ error: 5, cookie });
    }
    const counts = logged
      .filter(({ event }) => event === 'nbd.fault')
      .map(({ fields }) => fields?.['faultCount']);
    expect(counts).toEqual([1, 2, 4, 8, 16]);
    client.socket.destroy();
  });

  it('refuses connections above the maximum', async () => {
    const clients = [];
    for (let i = 0; i < 4; i++) clients.push(await transmitting(server.address, 'v'));
    const fifth = await rawConnect(server.address);
    expect(await fifth.end()).toHaveLength(0);
    const gone = clients.map((client) => once(client.socket, 'close'));
    for (const client of clients) client.send(requestBytes({ type: 2 }));
    await Promise.all(gone);
  });

  it('serves whoever says what it wants, however many say nothing, and ends none that is served', async () => {
    const served = await transmitting(server.address, 'v');
    const idle: RawClient[] = [];
    for (let round = 0; round < 10; round++) {
      idle.push(await rawConnect(server.address), await rawConnect(server.address));
      const other = await transmitting(server.address, 'v');
      other.send(requestBytes({ type: 2 }));
      await other.end();
    }
    served.send(requestBytes({ type: 0, offset: 0, length: 4, cookie: 3 }));
    expect(await simpleReply(served)).toEqual({ error: 0, cookie: 3 });
    await served.read(4);
    expect(idle.map(({ socket }) => socket.readyState === 'open').indexOf(true)).toBeGreaterThan(15);
    const gone = once(served.socket, 'close');
    served.send(requestBytes({ type: 2 }));
    await gone;
    for (const { socket } of idle) socket.destroy();
  });

  it('survives two hundred garbled conversations', async () => {
    const random = seeded(20261122);
    for (let round = 0; round < 200; round++) {
      const garbled = Buffer.concat([
        Buffer.from([0, 0, 0, 3]),
        optionBytes(8),
        optionBytes(
          6 + Math.floor(random() * 5),
          Buffer.from('\0\0\0\x01v\0\0\0\x01\0\0\0\x0fbase:allocation', 'latin1'),
        ),
        optionBytes(1, Buffer.from('v')),
        ...Array.from({ length: 8 }, (_, i) =>
          requestBytes({
            type: i,
            offset: 512 * i,
            length: 512,
            payload: i === 1 ? Buffer.alloc(512) : undefined,
          }),
        ),
      ]);
      for (let flips = Math.floor(random() * 8); flips > 0; flips--) {
        garbled[Math.floor(random() * garbled.length)] = Math.floor(random() * 256);
      }
      const client = await rawConnect(server.address);
      client.socket.end(garbled.subarray(0, Math.ceil(random() * garbled.length)));
      await client.end();
    }
  });

  async function violation(): Promise<string> {
    await until(() => logged.some(({ event }) => event === 'nbd.violation'));
    return String(logged.find(({ event }) => event === 'nbd.violation')?.fields?.['reason']);
  }
});

/** Turns the event loop until the condition holds; jest's time-out ends a wait in vain. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(setImmediate);
}
