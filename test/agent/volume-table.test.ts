import { ratesOf } from '../../agent/cli/rates.ts';
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
  expect(volumeDetails(restoring, 0)).toContain('at 1.0 MiB/s');
  expect(volumeDetails({ ...restoring, state: 'paused' }, 0)).not.toContain('B/s');
});

test('a promised rate is told with when the restore is due, or how late it is', () => {
  const promise = { bytesPerSec: 2 ** 20, dueAtMs: 300_000, lateMs: 0 };
  const withPromise = (lateMs: number) => ({
    ...restoring,
    restore: { ...restoring.restore!, promise: { ...promise, lateMs } },
  });
  expect(volumeDetails(withPromise(0), 60_000)).toContain('due in 4m as promised\n');
  expect(volumeDetails(withPromise(75_000), 60_000)).toContain('1m 15s behind the promised 1.0 MiB/s\n');
});

test('a rate that the limit forbids is not promised', () => {
  expect(ratesOf({ bandwidth: '20MiB', promise: '10MiB' })).toEqual({
    bandwidthBytesPerSec: 20 * 2 ** 20,
    promisedBytesPerSec: 10 * 2 ** 20,
  });
  expect(() => ratesOf({ bandwidth: '10MiB', promise: '20MiB' })).toThrow('cannot be kept within');
  expect(() => ratesOf({ promise: '0' })).toThrow();
  expect(ratesOf({})).toEqual({});
});

test('volumes fit a terminal of 80 columns, with their whole path', () => {
  const lines = volumeTable([restoring]).split('\n');
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  expect(lines).toContain(`  ${restoring.path}`);
});
