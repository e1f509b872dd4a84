import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';
import { sha256, type ChunkAlgorithm, type ChunkEntry } from '../../core/snapshot/format.ts';

/** A chunk whose compression gains less is stored raw: reading it back then costs no decompression. */
const storedShareMax = 0.95;
const zstdLevel = 3;

const compress = promisify(zstdCompress);
let zeroes = new Uint8Array(0);

export type EncodedChunk =
  | { kind: 'hole' }
  /** The same bytes as the parent's chunk. */
  | { kind: 'same'; entry: NonNullable<ChunkEntry> }
  | { kind: 'new'; stored: Uint8Array; algorithm: ChunkAlgorithm; hash: Uint8Array };

/** Compression runs on the thread pool; the hash is one native call on the caller's thread. */
export async function encodeChunk(plain: Uint8Array, parent: ChunkEntry): Promise<EncodedChunk> {
  if (isZero(plain)) return { kind: 'hole' };
  const hash = sha256(plain);
  if (parent !== undefined && Buffer.compare(hash, parent.hash) === 0) return { kind: 'same', entry: parent };
  const packed = await compress(plain, {
    params: { [constants.ZSTD_c_compressionLevel]: zstdLevel },
    pledgedSrcSize: plain.length,
    chunkSize: Math.max(64, plain.length),
  });
  if (packed.length >= plain.length * storedShareMax)
    return { kind: 'new', stored: plain, algorithm: 'raw', hash };
  return { kind: 'new', stored: packed, algorithm: 'zstd', hash };
}

export function isZero(bytes: Uint8Array): boolean {
  if (zeroes.length < bytes.length) zeroes = new Uint8Array(bytes.length);
  return Buffer.compare(bytes, zeroes.subarray(0, bytes.length)) === 0;
}
