import { HoldfastError } from '../errors.ts';
import { markPageBytes } from './mark.ts';
import { makeTree, type Tree } from './tree.ts';

/** How a volume is cut into blocks. The last block may be shorter; on the disk it is padded to a whole page. */
export interface Geometry {
  readonly tree: Tree;
  readonly volumeBytes: number;
  readonly blockBytes: number;
  /** Bytes that the disk must have: the volume's, up to a whole page. */
  readonly diskBytes: number;
}

/** Throws INVALID_INPUT where the volume is smaller than the snapshot. */
export function makeGeometry(p: {
  volumeBytes: number;
  snapshotBytes: number;
  blockBytes: number;
  arity: number;
  /** Devices cannot be padded: their last page may be shorter, in whole sectors. */
  diskBytes?: number;
}): Geometry {
  if (!Number.isSafeInteger(p.volumeBytes) || p.volumeBytes < 1)
    throw new HoldfastError('INVALID_INPUT', `a volume cannot have ${p.volumeBytes} bytes`);
  if (p.volumeBytes < p.snapshotBytes)
    throw new HoldfastError(
      'INVALID_INPUT',
      `the volume has ${p.volumeBytes} bytes, the snapshot needs ${p.snapshotBytes}`,
      { hint: 'restore to a target that is at least as large as the snapshot' },
    );
  if (p.blockBytes % markPageBytes !== 0 || p.blockBytes < markPageBytes)
    throw new HoldfastError('INVALID_INPUT', `block size ${p.blockBytes} is no multiple of ${markPageBytes}`);
  const padded = Math.ceil(p.volumeBytes / markPageBytes) * markPageBytes;
  return {
    tree: makeTree(Math.ceil(p.volumeBytes / p.blockBytes), p.arity),
    volumeBytes: p.volumeBytes,
    blockBytes: p.blockBytes,
    diskBytes: Math.min(padded, p.diskBytes ?? padded),
  };
}

export function blockOffset(geometry: Geometry, block: number): number {
  return block * geometry.blockBytes;
}

/** Bytes of the block that clients see. */
export function visibleBytes(geometry: Geometry, block: number): number {
  return Math.min(geometry.blockBytes, geometry.volumeBytes - blockOffset(geometry, block));
}

/** Bytes of the block on the disk, with its padding. */
export function storedBytes(geometry: Geometry, block: number): number {
  return Math.min(geometry.blockBytes, geometry.diskBytes - blockOffset(geometry, block));
}

/** The part of a request that falls into one block. */
export interface Segment {
  block: number;
  /** Within the block. */
  offset: number;
  length: number;
  /** Within the request. */
  requestOffset: number;
}

export function* segmentsOf(
  geometry: Geometry,
  offsetBytes: number,
  lengthBytes: number,
): Generator<Segment> {
  for (let at = 0; at < lengthBytes;) {
    const block = Math.floor((offsetBytes + at) / geometry.blockBytes);
    const offset = offsetBytes + at - blockOffset(geometry, block);
    const length = Math.min(geometry.blockBytes - offset, lengthBytes - at);
    yield { block, offset, length, requestOffset: at };
    at += length;
  }
}
