import { randomBytes } from 'node:crypto';
import { zstdDecompressSync } from 'node:zlib';
import { EncoderThreads } from '../../../agent/transfer/encoder-threads.ts';
import { SharedBuffers } from '../../../agent/transfer/shared-buffers.ts';
import { TransferThread } from '../../../agent/transfer/transfer-thread.ts';
import { inlineEncoder, type ChunkEncoder } from '../../../agent/snapshot/chunk-encoder.ts';
import { sha256 } from '../../../core/snapshot/format.ts';

const MiB = 1024 * 1024;
const threads: TransferThread[] = [];
const buffers = new SharedBuffers(8 * MiB);
const inThreads = (count = 2) => {
  const own = Array.from({ length: count }, () => new TransferThread({}));
  threads.push(...own);
  return new EncoderThreads(own, buffers);
};
afterAll(() => Promise.all(threads.map((thread) => thread.close())));

const text = Buffer.alloc(256 * 1024, 'text that repeats ');
const noise = randomBytes(256 * 1024);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const entryOf = (plain: Uint8Array) => ({
  ...{ pack: 'p/1', offsetBytes: 16, storedBytes: plain.length, algorithm: 'raw' as const },
  hash: sha256(plain),
});

describe.each<[string, () => ChunkEncoder]>([
  ['in this thread', () => inlineEncoder],
  ['in threads of its own', inThreads],
])('a chunk that is encoded %s', (_name, make) => {
  const encoder = make();
  const placed = (bytes: Uint8Array): Uint8Array => {
    const plain = encoder.take(bytes.length);
    plain.set(bytes);
    return plain;
  };

  it('is a hole, its parent’s, raw or packed', async () => {
    const [hole, same, raw, packed] = await Promise.all([
      encoder.encode(placed(Buffer.alloc(256 * 1024)), undefined),
      encoder.encode(placed(text), entryOf(text)),
      encoder.encode(placed(noise), entryOf(text)),
      encoder.encode(placed(text), entryOf(noise)),
    ]);
    expect(hole).toEqual({ kind: 'hole' });
    expect(same).toMatchObject({ kind: 'same', entry: entryOf(text) });
    expect(raw).toMatchObject({ kind: 'new', algorithm: 'raw' });
    expect(packed).toMatchObject({ kind: 'new', algorithm: 'zstd' });
    if (raw.kind !== 'new' || packed.kind !== 'new') throw new Error('neither is new');
    expect([hex(raw.hash), hex(packed.hash)]).toEqual([hex(sha256(noise)), hex(sha256(text))]);
    expect(Buffer.compare(raw.stored, noise)).toBe(0);
    expect(packed.stored.length).toBeLessThan(1000);
    expect(Buffer.compare(zstdDecompressSync(packed.stored), text)).toBe(0);
  });

  it('keeps its bytes until they are released, whatever is encoded meanwhile', async () => {
    const kept = await encoder.encode(placed(noise), undefined);
    for (let i = 0; i < 20; i++) {
      const one = await encoder.encode(placed(i % 2 ? text : randomBytes(256 * 1024)), undefined);
      if (one.kind === 'new') one.release?.();
    }
    expect(kept.kind === 'new' && Buffer.compare(kept.stored, noise)).toBe(0);
  });

  it('does not take memory that is not its own', async () => {
    const own = Uint8Array.from(text);
    await encoder.encode(own, entryOf(text));
    expect(Buffer.compare(own, text)).toBe(0);
    expect(hex(await encoder.sha256(own))).toBe(hex(sha256(text)));
  });
});

it('a chunk is encoded here where the thread dies', async () => {
  const encoder = inThreads(1);
  await encoder.encode(Uint8Array.from(text), undefined);
  const encoding = encoder.encode(Uint8Array.from(noise), undefined);
  const hashing = encoder.sha256(noise);
  await threads.at(-1)!.close();
  expect(await encoding).toMatchObject({ kind: 'new', algorithm: 'raw' });
  expect(hex(await hashing)).toBe(hex(sha256(noise)));
});
