import { HoldfastError } from '../errors.ts';
import { FieldReader, FieldWriter } from './bytes.ts';
import {
  formatVersion,
  hashBytes,
  readRef,
  readSealedHeader,
  seal,
  writeRef,
  type SnapshotRoot,
} from './format.ts';
import { formatLimits, geometryOf, type Geometry } from './geometry.ts';
import { decodeId, encodeId, idBytes } from './names.ts';

const noParent = new Uint8Array(idBytes);
const volumeIdPattern = /^[A-Za-z0-9._-]{1,64}$/;

/** Throws INVALID_INPUT where the root's own values are out of bounds. */
export function encodeRoot(root: SnapshotRoot): Uint8Array {
  const geometry = geometryOf(root.sizeBytes, root.chunkBytes);
  checkVolumeId(root.volumeId);
  if (root.refs.length !== geometry.rootRefCount)
    throw new RangeError('a root needs a reference to every page');
  const writer = new FieldWriter()
    .text('HFSNROOT')
    .uint16(formatVersion)
    .uint16(0)
    .uint32(root.chunkBytes)
    .uint64(root.sizeBytes)
    .uint64(root.createdAtMs)
    .bytes(encodeId(root.snapshotId))
    .bytes(root.parentId === undefined ? noParent : encodeId(root.parentId))
    .uint64(root.uploadedBytes)
    .uint32(root.newChunkCount)
    .uint8(root.volumeId.length)
    .text(root.volumeId)
    .uint32(root.refs.length);
  for (const ref of root.refs) writeRef(writer, ref);
  return seal(writer);
}

export function decodeRoot(bytes: Uint8Array, subject: string): SnapshotRoot & { geometry: Geometry } {
  const reader = new FieldReader(bytes, subject);
  reader.check(bytes.length <= formatLimits.rootBytesMax, `is ${bytes.length} bytes long`);
  readSealedHeader(reader, bytes, 'HFSNROOT');
  const chunkBytes = reader.uint32();
  const sizeBytes = reader.uint64();
  const geometry = boundedGeometry(reader, sizeBytes, chunkBytes);
  const createdAtMs = reader.uint64();
  const snapshotId = decodeId(reader.bytes(idBytes));
  const parent = reader.bytes(idBytes);
  const parentId = parent.some((byte) => byte !== 0) ? decodeId(parent) : undefined;
  const uploadedBytes = reader.uint64();
  const newChunkCount = reader.uint32();
  reader.check(newChunkCount <= geometry.chunkCount, `${newChunkCount} new chunks are too many`);
  const volumeId = reader.text(reader.uint8());
  reader.check(volumeIdPattern.test(volumeId), 'the volume id has characters that are not allowed');
  const refCount = reader.uint32();
  reader.check(
    refCount === geometry.rootRefCount,
    `${refCount} references, ${geometry.rootRefCount} expected`,
  );
  const refs = Array.from({ length: refCount }, () => readRef(reader));
  reader.bytes(hashBytes);
  reader.end();
  return {
    snapshotId,
    parentId,
    volumeId,
    sizeBytes,
    chunkBytes,
    createdAtMs,
    uploadedBytes,
    newChunkCount,
    refs,
    geometry,
  };
}

function boundedGeometry(reader: FieldReader, sizeBytes: number, chunkBytes: number): Geometry {
  try {
    return geometryOf(sizeBytes, chunkBytes);
  } catch (error) {
    return reader.fail((error as Error).message);
  }
}

/** Throws INVALID_INPUT where the text cannot be a volume's id in a snapshot. */
export function checkVolumeId(volumeId: string): string {
  if (volumeIdPattern.test(volumeId)) return volumeId;
  throw new HoldfastError('INVALID_INPUT', `“${volumeId.slice(0, 80)}” cannot be a volume id`, {
    hint: 'use 1 to 64 letters, digits, dots, dashes and underscores',
  });
}
