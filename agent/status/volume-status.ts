import type { VolumeStatus } from '../../core/status.ts';
import type { VolumeInfo } from '../ports.ts';

/** A volume as the heartbeat reports it. */
export function volumeStatusOf(info: VolumeInfo): VolumeStatus {
  const { volumeId, state, sizeBytes, lastSnapshot, restore, upload, health, failedSnapshots } = info;
  return {
    volumeId,
    state,
    ...(health.ok ? {} : { failure: health.reason }),
    sizeBytes,
    ...(lastSnapshot && {
      lastSnapshotId: lastSnapshot.snapshotId,
      lastSnapshotAt: Math.round(lastSnapshot.at),
    }),
    ...(restore && {
      restore: {
        snapshotId: restore.snapshotId,
        fraction: fraction(restore.fraction),
        lastProgressAt: Math.round(restore.lastProgressAt),
        bytesPerSec: Math.round(Math.max(0, restore.bytesPerSec)),
        ...(restore.promise && { lateMs: duration(restore.promise.lateMs) }),
        ...(isKnown(restore.etaMs) && { remainingMs: duration(restore.etaMs) }),
      },
    }),
    ...(upload && {
      upload: {
        fraction: fraction(upload.fraction),
        lastProgressAt: Math.round(upload.lastProgressAt),
      },
    }),
    ...(failedSnapshots && { failedSnapshots }),
  };
}

const duration = (ms: number): number => Math.max(0, Math.round(ms));
const isKnown = (ms: number | undefined): ms is number => ms !== undefined && Number.isFinite(ms);

/** Rounded down: nothing is reported as complete before it is. */
function fraction(value: number): number {
  return Math.floor(Math.min(1, Math.max(0, value)) * 1000) / 1000;
}
