import type { PaceState } from '../core/restore/pace.ts';
import type { S3Client } from '@aws-sdk/client-s3';

/**
 * What the parts of the agent need from each other. The shells in `agent/` depend on these types alone, so that
 * each part is built and tested with the real neighbour or with one of its own.
 */

/** The volumes of this gateway: served over NBD, snapshotted to S3, restored from it. */
export interface VolumeService {
  list(): VolumeInfo[];
  /** Throws NOT_FOUND. */
  get(volumeId: string): VolumeInfo;
  /**
   * Adopts an existing file or block device at `path`, or makes a sparse file of `sizeBytes` there, and serves it.
   * Throws CONFLICT (id or path already a volume's), INVALID_INPUT, NO_SPACE, WRONG_TARGET (device in use).
   */
  create(params: { volumeId: string; path: string; sizeBytes?: number }): Promise<VolumeInfo>;
  /** Stops serving and forgets the volume; the backing file stays. */
  remove(volumeId: string): Promise<void>;
  /** Looks at the backing file now. A volume found lost is not served any more (EIO) until it is restored. */
  check(volumeId: string): Promise<VolumeHealth>;
  /**
   * Point in time, incremental against the last snapshot; also while the volume is being restored. Throws BUSY while
   * another snapshot of it is taken.
   */
  snapshot(params: {
    volumeId: string;
    signal?: AbortSignal;
    onProgress?: (progress: SnapshotProgress) => void;
  }): Promise<SnapshotResult>;
  /**
   * Compares every block with a snapshot of the volume: by default the one that it is restored from, else its last
   * one. Writes nothing. Throws IO (not served), NOT_FOUND, GONE (snapshot) and what S3 does.
   */
  verify(params: {
    volumeId: string;
    snapshotId?: string;
    signal?: AbortSignal;
    onProgress?: (progress: VerifyVolumeProgress) => void;
  }): Promise<VolumeVerification>;
  /** The volume's snapshots in S3, oldest first. Throws what S3 does. */
  snapshots(volumeId: string, signal?: AbortSignal): Promise<VolumeSnapshot[]>;
  /**
   * Resolves as soon as the volume is served from the snapshot; the background goes on filling it. A missing,
   * truncated or overwritten backing file is made anew; a healthy volume is rolled back with `replace` alone. Throws
   * CONFLICT (healthy), NOT_FOUND (snapshot), BUSY (another restore runs), INVALID_INPUT (volume smaller than the
   * snapshot), NO_SPACE, WRONG_TARGET.
   */
  restore(params: {
    volumeId: string;
    snapshotId: string;
    bandwidthBytesPerSec?: number;
    promisedBytesPerSec?: number;
    arity?: number;
    replace?: boolean;
  }): Promise<void>;
  /** Stops the background; reads and writes go on, and still fetch what they need. */
  pauseRestore(volumeId: string): Promise<void>;
  resumeRestore(volumeId: string): Promise<void>;
  /** Of the background, from now on; undefined: no limit of its own. */
  limitRestore(params: { volumeId: string; bandwidthBytesPerSec?: number }): Promise<void>;
  /** Of the backgrounds together that have no limit of their own, from now on; undefined: none. */
  scheduleRestores(bytesPerSec: number | undefined): Promise<void>;
  /** The volume is refused from then on until it is restored again. */
  cancelRestore(volumeId: string): Promise<void>;
  /** Resolves when no restore of the volume is running any more. */
  waitRestored(volumeId: string, signal?: AbortSignal): Promise<RestoreOutcome>;
  /** Opens all volumes again after a restart, goes on with their restores and serves them. */
  start(): Promise<void>;
  close(): Promise<void>;
}

export type VolumeState = 'healthy' | 'failed' | 'restoring' | 'paused' | 'canceled';

export interface VolumeInfo {
  volumeId: string;
  path: string;
  sizeBytes: number;
  state: VolumeState;
  /** The last check's finding; a restore that runs or is done makes it `{ok: true}` again. */
  health: VolumeHealth;
  lastSnapshot?: { snapshotId: string; at: number; sizeBytes: number };
  /** Attempts at a snapshot that failed since one succeeded; absent: none. */
  failedSnapshots?: number;
  restore?: RestoreProgress;
  /** A snapshot that is being uploaded. */
  upload?: { fraction: number; lastProgressAt: number };
  /** Unix socket of the NBD server; the export's name is the volume's id. */
  nbdSocket?: string;
}

export type VolumeFault = 'missing' | 'truncated' | 'overwritten' | 'io-error' | 'wrong-target' | 'in-use';
export type VolumeHealth = { ok: true } | { ok: false; reason: VolumeFault; detail: string };

export interface RestoreProgress {
  snapshotId: string;
  /** 0 … 1, of the blocks; counts what on-demand reads and writes restored, too. */
  fraction: number;
  restoredBytes: number;
  totalBytes: number;
  bytesPerSec: number;
  /** Unix time in milliseconds at which a block was last restored. */
  lastProgressAt: number;
  etaMs?: number;
  /** The rate that was promised, and how it is kept. */
  promise?: PaceState;
}

export type RestoreOutcome =
  | { outcome: 'restored'; snapshotId: string }
  | { outcome: 'canceled'; snapshotId: string }
  | { outcome: 'failed'; snapshotId: string; code: string; message: string }
  | { outcome: 'none' };

export interface VolumeSnapshot {
  snapshotId: string;
  /** Unix milliseconds of the point in time. */
  createdAtMs: number;
  /** Of the volume; undefined where the snapshot cannot be read. */
  sizeBytes?: number;
  uploadedBytes?: number;
  /** What is wrong with it. */
  damage?: string;
}

export interface VerifyVolumeProgress {
  doneBytes: number;
  totalBytes: number;
  damagedBlocks: number;
}

export interface VolumeVerification {
  volumeId: string;
  snapshotId: string;
  blockBytes: number;
  blockCount: number;
  /** As in the snapshot. */
  sameBlocks: number;
  /** Other than in the snapshot: clients wrote to them, or may have. */
  changedBlocks: number;
  /** Not restored yet; the snapshot's chunks are whole. */
  unrestoredBlocks: number;
  damagedBlocks: number;
  /** The first 200. */
  damage: BlockDamage[];
}

export interface BlockDamage {
  block: number;
  offsetBytes: number;
  /** `snapshot`: a chunk that is still to be restored is damaged; `volume`: the disk has something else, or nothing. */
  where: 'snapshot' | 'volume';
  message: string;
}

export interface SnapshotProgress {
  doneBytes: number;
  totalBytes: number;
  uploadedBytes: number;
}

export interface SnapshotResult {
  snapshotId: string;
  /** Unix time in milliseconds of the point in time. */
  at: number;
  sizeBytes: number;
  uploadedBytes: number;
  incremental: boolean;
  durationMs: number;
}

export type BucketPurpose =
  | { kind: 'snapshot'; volumeId: string }
  | { kind: 'restore'; volumeId: string; snapshotId: string }
  | { kind: 'delete'; volumeId: string; snapshotId: string }
  | { kind: 'diagnostics' };

/** S3 with credentials that renew themselves, limited to the purpose; `prefix` is empty or ends with a slash. */
export interface BucketAccess {
  client: S3Client;
  bucket: string;
  prefix: string;
}

export type BucketFor = (purpose: BucketPurpose) => Promise<BucketAccess>;
