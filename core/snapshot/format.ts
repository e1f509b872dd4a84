import { hash as hashOnce } from 'node:crypto';
import { HoldfastError } from '../errors.ts';
import { FieldWriter, type FieldReader } from './bytes.ts';
import { decodeObjectName, encodeObjectName, objectNameBytes } from './names.ts';

/** What root and pages have in common (docs/snapshot-format.md). All numbers are big-endian. */
export const formatVersion = 1;
export const packHeaderBytes = 16;
export const hashBytes = 32;

export interface SnapshotRoot {
  snapshotId: string;
  /** The snapshot that this one was made against; only informative, a snapshot is complete in itself. */
  parentId: string | undefined;
  volumeId: string;
  sizeBytes: number;
  chunkBytes: number;
  /** Unix milliseconds of the point in time. */
  createdAtMs: number;
  /** Stored bytes of packs and pages that this snapshot's upload wrote. */
  uploadedBytes: number;
  /** Chunks that this snapshot's upload stored. */
  newChunkCount: number;
  refs: PageRef[];
}

/** A page and the hash that it must have; undefined: every chunk below is a hole. */
export type PageRef = { name: string; hash: Uint8Array } | undefined;

/** Where a chunk's bytes are; undefined: a hole, which reads as zeroes. */
export type ChunkEntry = ChunkLocation | undefined;

export interface ChunkLocation {
  /** Name of the pack, `<owner>/<hex>`. */
  pack: string;
  offsetBytes: number;
  storedBytes: number;
  algorithm: ChunkAlgorithm;
  /** SHA-256 of the plain bytes. */
  hash: Uint8Array;
}

export type ChunkAlgorithm = 'raw' | 'zstd';

export const sha256 = (bytes: Uint8Array): Uint8Array => hashOnce('sha256', bytes, 'buffer');

/** What a pack starts with; the stored chunks follow. */
export const packHeader = (): Uint8Array =>
  new FieldWriter().text('HFSNPACK').uint16(formatVersion).uint16(0).uint32(0).finish();

export function writeRef(writer: FieldWriter, ref: PageRef): void {
  if (ref === undefined) writer.uint8(0);
  else writer.uint8(1).bytes(encodeObjectName(ref.name)).bytes(ref.hash);
}

export function readRef(reader: FieldReader): PageRef {
  const kind = reader.uint8();
  if (kind === 0) return undefined;
  reader.check(kind === 1, `a reference is of the unknown kind ${kind}`);
  return { name: decodeObjectName(reader.bytes(objectNameBytes)), hash: reader.bytes(hashBytes) };
}

export function checkVersion(reader: FieldReader, version: number): void {
  reader.check(version !== 0, 'has version 0');
  if (version !== formatVersion)
    throw new HoldfastError('UNSUPPORTED', `snapshot format version ${version} is not known here`, {
      hint: 'read it with a newer holdfast-agent',
    });
}

/** What was written and its SHA-256 behind it. */
export function seal(writer: FieldWriter): Uint8Array {
  const body = writer.finish();
  return new FieldWriter().bytes(body).bytes(sha256(body)).finish();
}

/**
 * Magic, version and flags of a sealed object. The checksum comes before the version, so that damage is never taken
 * for a newer format.
 */
export function readSealedHeader(reader: FieldReader, bytes: Uint8Array, magic: string): void {
  reader.check(bytes.length > hashBytes && reader.text(magic.length) === magic, `does not start as ${magic}`);
  const body = bytes.subarray(0, bytes.length - hashBytes);
  const matches = Buffer.compare(sha256(body), bytes.subarray(body.length)) === 0;
  reader.check(matches, 'its checksum does not match');
  checkVersion(reader, reader.uint16());
  const flags = reader.uint16();
  reader.check(flags === 0, `has unknown flags ${flags}`);
}
