import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';
import { sha256 } from '../../core/snapshot/format.ts';
import { discard } from './shared-buffers.ts';
import type { PackedChunk, UnpackedChunk } from './transfer.ts';

const decompress = promisify(zstdDecompress);

/** Plain bytes of chunks that lie in `stored`, each with its own verdict. */
export function unpack(stored: Uint8Array, chunks: readonly PackedChunk[]): Promise<UnpackedChunk[]> {
  return Promise.all(
    chunks.map((chunk) =>
      unpackOne(stored.subarray(chunk.offsetBytes, chunk.offsetBytes + chunk.storedBytes), chunk),
    ),
  );
}

/** Decompression stops at the chunk's length: a hostile object cannot fill the memory. */
async function unpackOne(stored: Uint8Array, chunk: PackedChunk): Promise<UnpackedChunk> {
  const { plainBytes } = chunk;
  // Room for a byte more than there may be: a buffer that is just full makes zlib allocate the next one.
  const chunkSize = plainBytes + 64;
  const bytes =
    chunk.algorithm === 'raw'
      ? stored
      : await decompress(stored, { maxOutputLength: plainBytes, chunkSize }).catch(() => undefined);
  if (!bytes) return { fault: 'cannot be decompressed' };
  if (bytes.length !== plainBytes) return { fault: 'has a wrong length' };
  if (Buffer.compare(sha256(bytes), chunk.hash) !== 0) return { fault: 'does not match its hash' };
  if (!chunk.into || chunk.algorithm === 'raw') return { bytes };
  chunk.into.set(bytes);
  discard(bytes);
  return { bytes: chunk.into };
}
