import type { VolumeInfo } from '../../agent/ports.ts';
import { stateText, volumeDetails, volumeTable } from '../../agent/cli/volume-table.ts';

const restoring: VolumeInfo = {
  volumeId: 'vol1',
  path: '/srv/volumes/of/this/gateway/vol1.img',
  sizeBytes: 10 * 2 ** 30,
  state: 'restoring',
  health: { ok: true },
  lastSnapshot: { snapshotId: '01k9z3v6x0e8m4t2q7c5b1a9hd', at: 0, sizeBytes: 1 },
  restore: {
    snapshotId: '01k9z3v6x0e8m4t2q7c5b1a9hd',
    fraction: 0.426,
    restoredBytes: 1,
    totalBytes: 2,
    bytesPerSec: 2 ** 20,
    lastProgressAt: 0,
    etaMs: 62_000,
  },
};

test('a restore says how long it will take, unless it is paused', () => {
  expect(stateText(restoring)).toBe('restoring 42 %, 1m 2s left');
  expect(stateText({ ...restoring, state: 'paused' })).toBe('paused 42 %');
  expect(volumeDetails(restoring)).toContain('at 1.0 MiB/s');
  expect(volumeDetails({ ...restoring, state: 'paused' })).not.toContain('B/s');
});

test('volumes fit a terminal of 80 columns, with their whole path', () => {
  const lines = volumeTable([restoring]).split('\n');
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  expect(lines).toContain(`  ${restoring.path}`);
});
