import type { Descriptor } from '../../core/restore/descriptor.ts';
import type { SnapshotSource } from '../../core/snapshot/source.ts';
import type { VolumeHealth, VolumeInfo, VolumeState } from '../ports.ts';
import type { BarrierOwner } from '../restore/barrier-owner.ts';
import type { RestoreEngine } from '../restore/restore-engine.ts';
import type { ContentSamples } from './content-samples.ts';
import type { Loss } from './inspection.ts';
import type { TrackedDevice } from './tracked-device.ts';
import type { VolumeRecord } from './volume-record.ts';
import type { LockedTarget } from '../restore/volume-target.ts';

/** What is open while a volume is served. */
export interface Opened extends LockedTarget {
  /** Of a volume that is served as it is; a restore has its own. */
  barriers: BarrierOwner | undefined;
  tracked: TrackedDevice;
  samples: ContentSamples;
  restore: { engine: RestoreEngine; source: SnapshotSource } | undefined;
}

/** Everything that says how a volume is. */
export interface VolumeFacts {
  record: VolumeRecord;
  opened: Opened | undefined;
  canceled: Descriptor | undefined;
  upload: { fraction: number; lastProgressAt: number } | undefined;
}

export function stateOf({ record, opened, canceled }: VolumeFacts): VolumeState {
  if (record.fault && !opened) return 'failed';
  if (canceled) return 'canceled';
  const state = opened?.restore?.engine.state;
  if (state === 'restoring' || state === 'paused' || state === 'canceled') return state;
  return state === 'failed' || opened?.barriers?.failure || !opened ? 'failed' : 'healthy';
}

export function healthOf(facts: VolumeFacts): VolumeHealth {
  const { record, opened } = facts;
  if (record.fault) return { ok: false, reason: record.fault.reason, detail: record.fault.detail };
  if (stateOf(facts) !== 'failed') return { ok: true };
  const failure = opened?.barriers?.failure ?? opened?.restore?.engine.trouble;
  return { ok: false, reason: 'io-error', detail: failure?.message ?? 'it is not open' };
}

export function infoOf(facts: VolumeFacts): VolumeInfo {
  const { volumeId, path, sizeBytes, lastSnapshot, failedSnapshots } = facts.record;
  const state = stateOf(facts);
  const engine = facts.opened?.restore?.engine;
  const isRestoring = state === 'restoring' || state === 'paused';
  return {
    volumeId,
    path,
    sizeBytes,
    state,
    health: healthOf(facts),
    ...(lastSnapshot && {
      lastSnapshot: {
        snapshotId: lastSnapshot.snapshotId,
        at: lastSnapshot.at,
        sizeBytes: lastSnapshot.sizeBytes,
      },
    }),
    ...(failedSnapshots && { failedSnapshots }),
    ...(engine &&
      isRestoring && {
        restore: {
          snapshotId: engine.descriptor.frozen.snapshotId,
          ...engine.progress(),
          ...(state === 'paused' && { etaMs: undefined }),
        },
      }),
    ...(facts.upload && { upload: facts.upload }),
  };
}

/** What is noted of a volume that was lost just now: why, and in the course of which restore. */
export function faultIn({ record, opened }: VolumeFacts, { reason, detail }: Loss): VolumeRecord['fault'] {
  const engine = opened?.restore?.engine;
  const during = engine && engine.state !== 'restored' ? engine.descriptor.frozen : undefined;
  const { restoreId, snapshotId } = during ?? record.fault ?? {};
  return { reason, detail: detail.slice(0, 1000), restoreId, snapshotId };
}
