import type { VolumeStatus } from '../status.ts';
import { readingsOf, type FreshInput, type Reading } from './signals.ts';

/** A disk that comes late or a path that is mounted late is there again within it; what was overwritten is not. */
const passesWithinMs = 2 * 60_000;
const mayPass: ReadonlySet<string | undefined> = new Set(['missing', 'io-error', 'wrong-target']);

/**
 * 1 for a volume that cannot be served, 0 for a healthy one; 0.5 says neither: a restore is on its way, or another process
 * has the volume, which is no loss: a restore would replace data that is there.
 */
export const irrecoverableVolumes = ({ status }: FreshInput): readonly Reading[] =>
  status.heartbeat.volumes.map(({ volumeId, state, failure, lastSnapshotAt }) => ({
    component: volumeId,
    value: state === 'healthy' ? 0 : isNoLoss(state, failure) ? 0.5 : 1,
    ...(state === 'failed' && mayPass.has(failure) && { forMs: passesWithinMs }),
    // Ids of snapshots are left out of a report that grows too large, their times are not.
    ...(lastSnapshotAt === undefined && { isHelpless: true }),
  }));

const isNoLoss = (state: VolumeStatus['state'], failure: VolumeStatus['failure']): boolean =>
  state === 'restoring' || state === 'paused' || failure === 'in-use';

/** ms without progress of a running restore. Both times are the agent's, so its clock does not matter. */
export const restoreStillMs = (input: FreshInput): readonly Reading[] =>
  ofVolumes(input, ({ state, restore }) =>
    state === 'restoring' && restore ? ageMs(input, restore.lastProgressAt) : 0,
  );

/** What a restore may take where nothing was promised. */
const restoreMaxMs = 24 * 3_600_000;

/** ms that a running restore is behind its promise; without one, that it will take beyond a day at its present rate. */
export const restoreLateMs = (input: FreshInput): readonly Reading[] =>
  ofVolumes(input, ({ state, restore }) => {
    if (state !== 'restoring' || !restore) return 0;
    if (restore.lateMs !== undefined) return restore.lateMs;
    return restore.remainingMs === undefined ? undefined : Math.max(0, restore.remainingMs - restoreMaxMs);
  });

/** ms without progress of a snapshot's upload. */
export const uploadStillMs = (input: FreshInput): readonly Reading[] =>
  ofVolumes(input, ({ upload }) => (upload ? ageMs(input, upload.lastProgressAt) : 0));

/** Age of the newest snapshot in ms; of a volume without any, the time that the gateway exists. */
export const snapshotAgeMs = (input: FreshInput): readonly Reading[] =>
  ofVolumes(input, ({ lastSnapshotAt }) =>
    lastSnapshotAt === undefined
      ? Math.max(0, input.now - input.gateway.createdAt)
      : ageMs(input, lastSnapshotAt),
  );

/** Attempts at a snapshot that failed since one succeeded. */
export const failedSnapshots = (input: FreshInput): readonly Reading[] =>
  ofVolumes(input, (volume) => volume.failedSnapshots ?? 0);

const ofVolumes = (
  { status }: FreshInput,
  valueOf: (volume: VolumeStatus) => number | undefined,
): readonly Reading[] => readingsOf(status.heartbeat.volumes, ({ volumeId }) => volumeId, valueOf);
const ageMs = ({ status }: FreshInput, at: number): number => Math.max(0, status.heartbeat.sentAt - at);
