import { BufferPool } from '../../../agent/nbd/buffer-pool.ts';
import { createHandshakeReader, createRequestReader, optionMaxBytes } from '../../../agent/nbd/reader.ts';
import { requestBytes, optionBytes } from './raw-client.ts';

/** Feeds `bytes` in pieces and collects all that comes out. */
function readAll<Message>(
  reader: { push(c: Buffer): void; next(): Message | undefined },
  bytes: Buffer,
  piece: number,
) {
  const messages: Message[] = [];
  for (let at = 0; at < bytes.length; at += piece) {
    reader.push(Buffer.from(bytes.subarray(at, at + piece)));
    for (let message = reader.next(); message; message = reader.next()) messages.push(message);
  }
  return messages;
}

describe('NBD readers', () => {
  const payload = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 251));
  const stream = Buffer.concat([
    requestBytes({ type: 0, offset: 4096, length: 512 }),
    requestBytes({ type: 1, offset: 8, length: 1000, payload }),
    requestBytes({ type: 1, offset: 8, length: 0 }),
    requestBytes({ type: 1, offset: 8, length: 5000, payload: Buffer.alloc(5000) }),
    requestBytes({ type: 3 }),
  ]);

  it.each([1, 2, 27, 28, 29, 64, 1000, 1 << 20])(
    'reads the same requests from pieces of %i bytes',
    (piece) => {
      const messages = readAll(createRequestReader(4096, new BufferPool(0)), stream, piece);
      expect(messages).toMatchObject([
        { kind: 'request', request: { type: 0, offsetBytes: 4096, lengthBytes: 512 } },
        { kind: 'request', request: { type: 1, lengthBytes: 1000 }, payload },
        { kind: 'request', request: { type: 1, lengthBytes: 0 } },
        { kind: 'request', request: { type: 1, lengthBytes: 5000 }, payload: undefined },
        { kind: 'request', request: { type: 3 } },
      ]);
    },
  );

  it.each([65536, 5 << 20])('puts a large payload together from pieces of %i bytes', (piece) => {
    const large = Buffer.alloc(9 << 20);
    for (let i = 0; i < large.length; i += 4) large.writeUInt32LE(i, i);
    const messages = readAll(
      createRequestReader(32 << 20, new BufferPool(0)),
      requestBytes({ type: 1, length: large.length, payload: large }),
      piece,
    );
    expect(messages).toHaveLength(1);
    const [message] = messages;
    expect(message!.kind === 'request' && message!.payload!.equals(large)).toBe(true);
  });

  it('does not allocate what a write announces', () => {
    const before = process.memoryUsage().arrayBuffers;
    const readers = Array.from({ length: 64 }, () => createRequestReader(32 << 20, new BufferPool(0)));
    for (const reader of readers) {
      reader.push(requestBytes({ type: 1, length: 32 << 20 }));
      expect(reader.next()).toBeUndefined();
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * (2 << 20)); // announced: 64 × 32 MiB
  });

  it('frees chunks that were read to their end, and no others', () => {
    const reader = createRequestReader(32 << 20, new BufferPool(0));
    const bytes = requestBytes({ type: 1, length: 8192, payload: Buffer.alloc(8192, 7) });
    const chunkOf = (end: number) => {
      const chunk = Buffer.allocUnsafeSlow(end);
      bytes.copy(chunk, 0, 0, end);
      return chunk;
    };
    const whole = chunkOf(bytes.length);
    reader.push(whole);
    reader.release(); // nothing is read yet
    expect(reader.next()).toMatchObject({ payload: bytes.subarray(28) });
    reader.release();
    expect(whole.buffer.byteLength).toBe(0);

    const shared = chunkOf(bytes.length + 100);
    reader.push(shared.subarray(0, bytes.length));
    reader.next();
    reader.release();
    expect(shared.buffer.byteLength).toBe(bytes.length + 100); // the rest may be anybody's

    const part = chunkOf(5000);
    reader.push(part);
    expect(reader.next()).toBeUndefined();
    reader.release();
    expect(part.buffer.byteLength).toBe(0);
    reader.push(Buffer.from(bytes.subarray(5000)));
    expect(reader.next()).toMatchObject({ payload: bytes.subarray(28) });
  });

  it('takes payloads that come in pieces from the pool', () => {
    const buffers = new BufferPool(4 << 20);
    const reader = createRequestReader(32 << 20, buffers);
    const payloadOf = () => {
      const [message] = readAll(reader, requestBytes({ type: 1, length: 1 << 20, payload: large }), 65536);
      return message!.kind === 'request' ? message!.payload! : undefined;
    };
    const large = Buffer.alloc(1 << 20, 3);
    const first = payloadOf()!;
    expect(first.equals(large)).toBe(true);
    buffers.give(first);
    expect(payloadOf()!.buffer).toBe(first.buffer);
  });

  it('ends at a wrong magic and at an absurd write', () => {
    const wrong = requestBytes({ type: 0 });
    wrong[3]! ^= 1;
    expect(readAll(createRequestReader(4096, new BufferPool(0)), wrong, 28)).toMatchObject([
      { kind: 'violation' },
    ]);
    const absurd = requestBytes({ type: 1, length: 0xffffffff });
    expect(readAll(createRequestReader(4096, new BufferPool(0)), absurd, 28)).toMatchObject([
      { kind: 'violation' },
    ]);
  });

  it.each([1, 3, 16, 4096])('reads flags and options from pieces of %i bytes', (piece) => {
    const bytes = Buffer.concat([
      Buffer.from([0, 0, 0, 3]),
      optionBytes(3),
      optionBytes(1, Buffer.from('name')),
    ]);
    expect(readAll(createHandshakeReader(), bytes, piece)).toEqual([
      { kind: 'client-flags', flags: 3 },
      { kind: 'option', option: 3, data: Buffer.alloc(0) },
      { kind: 'option', option: 1, data: Buffer.from('name') },
    ]);
  });

  it('ends at an option without magic or above the limit, before its data comes', () => {
    const flags = Buffer.from([0, 0, 0, 3]);
    const huge = optionBytes(1, Buffer.alloc(optionMaxBytes + 1)).subarray(0, 16);
    expect(readAll(createHandshakeReader(), Buffer.concat([flags, huge]), 20).at(-1)).toMatchObject({
      kind: 'violation',
    });
    expect(
      readAll(createHandshakeReader(), Buffer.concat([flags, Buffer.alloc(16)]), 20).at(-1),
    ).toMatchObject({
      kind: 'violation',
    });
  });

  it('gives up what follows the handshake', () => {
    const reader = createHandshakeReader();
    reader.push(Buffer.concat([Buffer.from([0, 0, 0, 3]), optionBytes(7), Buffer.from('tail')]));
    reader.next();
    reader.next();
    expect(reader.rest().toString()).toBe('tail');
  });
});
