import { FieldReader, FieldWriter } from './bytes.ts';
import { hashBytes, sha256, type ChunkEntry, type ChunkLocation } from './format.ts';
import { decodeObjectName, encodeId, encodeObjectName, idBytes } from './names.ts';

/**
 * Where an upload that is not complete stored a chunk, as the uploading host remembers it (docs/snapshot-format.md,
 * “An upload that goes on”). Of the chunk with index i at i × 64.
 */
export const storedChunkBytes = 64;
const checkBytes = 4;
const fieldsBytes = storedChunkBytes - checkBytes;
const algorithms = ['raw', 'zstd'] as const;

export function encodeStoredChunk(location: ChunkLocation, index: number): Uint8Array {
  const { pack, offsetBytes, storedBytes, algorithm, hash } = location;
  const name = encodeObjectName(pack);
  const fields = new FieldWriter()
    .bytes(name.subarray(idBytes))
    .uint32(offsetBytes)
    .uint32(storedBytes)
    .uint32(1 + algorithms.indexOf(algorithm))
    .bytes(hash)
    .finish();
  const check = checkOf(fields, name.subarray(0, idBytes), index);
  return new FieldWriter().bytes(fields).bytes(check).finish();
}

/** Undefined for what was never written, was written in part, or belongs to another upload or chunk. */
export function decodeStoredChunk(
  bytes: Uint8Array,
  { owner, index }: { owner: string; index: number },
): ChunkEntry {
  const reader = new FieldReader(bytes, 'a stored chunk');
  const name = reader.bytes(idBytes);
  const offsetBytes = reader.uint32();
  const storedBytes = reader.uint32();
  const algorithm = algorithms[reader.uint32() - 1];
  const hash = reader.bytes(hashBytes);
  const ownerBytes = encodeId(owner);
  const check = checkOf(bytes.subarray(0, fieldsBytes), ownerBytes, index);
  if (!algorithm || Buffer.compare(reader.bytes(checkBytes), check) !== 0) return undefined;
  const pack = decodeObjectName(Buffer.concat([ownerBytes, name]));
  return { pack, offsetBytes, storedBytes, algorithm, hash };
}

const checkOf = (fields: Uint8Array, owner: Uint8Array, index: number): Uint8Array =>
  sha256(new FieldWriter().bytes(owner).uint64(index).bytes(fields).finish()).subarray(0, checkBytes);
