import { constants, zstdCompressSync } from 'node:zlib';
import { sha256, type ChunkAlgorithm, type ChunkEntry } from '../../core/snapshot/format.ts';
import { discard } from '../transfer/shared-buffers.ts';

/** A chunk whose compression gains less is stored raw: reading it back then costs no decompression. */
const storedShareMax = 0.95;
const zstdLevel = 3;
let zeroes = new Uint8Array(0);

export type EncodedChunk =
  | { kind: 'hole' }
  /** The same bytes as the parent's chunk. */
  | { kind: 'same'; entry: NonNullable<ChunkEntry> }
  | {
      kind: 'new';
      stored: Uint8Array;
      algorithm: ChunkAlgorithm;
      hash: Uint8Array;
      /** The stored bytes' memory is used again from then on. */
      release?: () => void;
    };

/** Makes of plain bytes what is stored of them, and has the memory for both. */
export interface ChunkEncoder {
  take(lengthBytes: number): Uint8Array;
  give(bytes: Uint8Array): void;
  /** The plain bytes belong to the encoder from then on. */
  encode(plain: Uint8Array, parent: ChunkEntry): Promise<EncodedChunk>;
  sha256(bytes: Uint8Array): Promise<Uint8Array>;
}

/** What becomes of a chunk; `zstd`: the packed bytes are in `into`, or in memory of their own. */
export type Encoding =
  | { kind: 'hole' }
  | { kind: 'same' }
  | { kind: 'raw'; hash: Uint8Array }
  | { kind: 'zstd'; hash: Uint8Array; packed: Uint8Array };

/** At once: to hand each chunk to the thread pool and take it back costs more than to compress it. */
export function encodeNow(
  plain: Uint8Array,
  parentHash: Uint8Array | undefined,
  into?: Uint8Array,
): Encoding {
  if (isZero(plain)) return { kind: 'hole' };
  const hash = sha256(plain);
  if (parentHash !== undefined && Buffer.compare(hash, parentHash) === 0) return { kind: 'same' };
  const packed = zstdCompressSync(plain, {
    params: { [constants.ZSTD_c_compressionLevel]: zstdLevel },
    pledgedSrcSize: plain.length,
    // As long as it can become, or a chunk that does not shrink would be put together from two pieces.
    chunkSize: plain.length + (plain.length >> 8) + 64,
  });
  if (packed.length >= plain.length * storedShareMax) {
    discard(packed);
    return { kind: 'raw', hash };
  }
  if (!into) return { kind: 'zstd', hash, packed };
  into.set(packed);
  const packedBytes = packed.length;
  discard(packed);
  return { kind: 'zstd', hash, packed: into.subarray(0, packedBytes) };
}

/** In the thread of the caller. */
export const inlineEncoder: ChunkEncoder = {
  take: (lengthBytes) => Buffer.allocUnsafeSlow(lengthBytes),
  give: () => undefined,
  encode: async (plain, parent) => encodedChunk(plain, parent, encodeNow(plain, parent?.hash)),
  sha256: async (bytes) => sha256(bytes),
};

export function encodedChunk(plain: Uint8Array, parent: ChunkEntry, encoding: Encoding): EncodedChunk {
  if (encoding.kind === 'hole') return { kind: 'hole' };
  if (encoding.kind === 'same') return { kind: 'same', entry: parent! };
  const { hash } = encoding;
  if (encoding.kind === 'raw') return { kind: 'new', stored: plain, algorithm: 'raw', hash };
  return { kind: 'new', stored: encoding.packed, algorithm: 'zstd', hash };
}

export function isZero(bytes: Uint8Array): boolean {
  if (zeroes.length < bytes.length) zeroes = new Uint8Array(bytes.length);
  return Buffer.compare(bytes, zeroes.subarray(0, bytes.length)) === 0;
}
