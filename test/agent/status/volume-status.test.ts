import { volumeStatusSchema } from '../../../core/status.ts';
import type { VolumeInfo } from '../../../agent/ports.ts';
import { volumeStatusOf } from '../../../agent/status/volume-status.ts';

const info: VolumeInfo = {
  volumeId: 'v',
  path: '/x',
  sizeBytes: 4096,
  state: 'healthy',
  health: { ok: true },
};

describe('a volume in the heartbeat', () => {
  it('carries failure, snapshot and progress', () => {
    const status = volumeStatusOf({
      ...info,
      state: 'restoring',
      health: { ok: false, reason: 'truncated', detail: 'x' },
      lastSnapshot: { snapshotId: 's1', at: 5, sizeBytes: 1 },
      restore: {
        snapshotId: 's1',
        fraction: 0.99999,
        restoredBytes: 1,
        totalBytes: 2,
        bytesPerSec: 10.7,
        lastProgressAt: 7.5,
      },
    });
    expect(volumeStatusSchema.parse(status)).toEqual({
      volumeId: 'v',
      state: 'restoring',
      failure: 'truncated',
      sizeBytes: 4096,
      lastSnapshotId: 's1',
      lastSnapshotAt: 5,
      restore: { snapshotId: 's1', fraction: 0.999, lastProgressAt: 8, bytesPerSec: 11 },
    });
  });

  it('carries how late a restore is by what it was promised, and how long it still takes', () => {
    const restore = {
      ...{
        snapshotId: 's1',
        fraction: 0.5,
        restoredBytes: 1,
        totalBytes: 2,
        bytesPerSec: 1,
        lastProgressAt: 7,
      },
      promise: { bytesPerSec: 2, dueAtMs: 100, lateMs: 1_500.4 },
      etaMs: 30_000.6,
    };
    const status = volumeStatusSchema.parse(volumeStatusOf({ ...info, state: 'restoring', restore }));
    expect(status.restore).toMatchObject({ lateMs: 1_500, remainingMs: 30_001 });
    const unknown = volumeStatusOf({ ...info, restore: { ...restore, promise: undefined, etaMs: Infinity } });
    expect(volumeStatusSchema.parse(unknown).restore).toEqual({
      ...{ snapshotId: 's1', fraction: 0.5, lastProgressAt: 7, bytesPerSec: 1 },
    });
  });

  it('carries attempts at a snapshot that failed', () => {
    expect(volumeStatusOf({ ...info, failedSnapshots: 2 })).toMatchObject({ failedSnapshots: 2 });
    expect(volumeStatusOf(info)).not.toHaveProperty('failedSnapshots');
  });

  it('says how far a snapshot’s upload is', () => {
    const upload = { fraction: 0.33389, lastProgressAt: 9.4 };
    expect(volumeStatusOf({ ...info, upload }).upload).toEqual({ fraction: 0.333, lastProgressAt: 9 });
    expect(volumeStatusOf(info)).not.toHaveProperty('upload');
  });
});
