import { randomBytes } from 'node:crypto';
import type { Descriptor, TargetIdentity } from '../../core/restore/descriptor.ts';
import { makeGeometry, type Geometry } from '../../core/restore/geometry.ts';
import { markKeyBytes, restoreIdBytes } from '../../core/restore/mark.ts';
import { arityDefault } from '../../core/restore/tree.ts';
import type { SnapshotSource } from '../../core/snapshot/source.ts';

export interface RestoreParams {
  snapshotId: string;
  bandwidthBytesPerSec?: number;
  promisedBytesPerSec?: number;
  arity?: number;
}

export const newRestoreId = (): string => randomBytes(restoreIdBytes).toString('hex');

/** Throws INVALID_INPUT: the volume is smaller than the snapshot, or the arity is out of bounds. */
export function geometryFor(volumeBytes: number, source: SnapshotSource, arity?: number): Geometry {
  return makeGeometry({
    volumeBytes,
    snapshotBytes: source.sizeBytes,
    blockBytes: source.chunkBytes,
    arity: arity ?? arityDefault,
  });
}

/** The descriptor of a restore that is about to begin, with a key of its own. */
export function newDescriptor(p: {
  volumeId: string;
  path: string;
  identity: TargetIdentity;
  restoreId: string;
  geometry: Geometry;
  source: SnapshotSource;
  bandwidthBytesPerSec?: number | undefined;
  promisedBytesPerSec?: number | undefined;
}): Descriptor {
  const { geometry, source, bandwidthBytesPerSec, promisedBytesPerSec } = p;
  return {
    frozen: {
      volumeId: p.volumeId,
      path: p.path,
      identity: p.identity,
      snapshotId: source.snapshotId,
      rootHash: Buffer.from(source.rootHash).toString('hex'),
      snapshotBytes: source.sizeBytes,
      volumeBytes: geometry.volumeBytes,
      blockBytes: geometry.blockBytes,
      blockCount: geometry.tree.blockCount,
      arity: geometry.tree.arity,
      restoreId: p.restoreId,
      markKey: randomBytes(markKeyBytes).toString('hex'),
    },
    moving: {
      phase: 'starting',
      cursor: 0,
      paused: false,
      ...(bandwidthBytesPerSec && { bandwidthBytesPerSec }),
      ...(promisedBytesPerSec && { promisedBytesPerSec }),
    },
  };
}
