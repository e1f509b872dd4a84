import type { VolumeStatus } from '../../../core/status.ts';
import { stepCrossings, type Levels, type Watched } from '../../../agent/status/crossings.ts';

const watched = (
  over: {
    memory?: number;
    used?: number;
    readOnly?: boolean;
    volume?: Partial<VolumeStatus> | 'none';
    disks?: Watched['disks'];
    arrays?: Watched['arrays'];
  } = {},
): Watched => ({
  memoryUtilization: over.memory ?? 0.5,
  filesystems: [
    {
      mount: '/',
      sizeBytes: 1000,
      freeBytes: 1000 * (1 - (over.used ?? 0.5)),
      ...(over.readOnly && { readOnly: true }),
    },
  ],
  disks: over.disks ?? [{ name: 'sda', state: 'ok' }],
  arrays: over.arrays ?? [{ name: 'md0', state: 'ok' }],
  volumes:
    over.volume === 'none' ? [] : [{ volumeId: 'v', state: 'healthy', sizeBytes: 1, ...(over.volume ?? {}) }],
});
const learned = (): Levels => stepCrossings(undefined, watched()).levels;
const sends = (levels: Levels | undefined, now: Watched): boolean => stepCrossings(levels, now).isChanged;

describe('heartbeats out of turn', () => {
  it('only learns at the first look', () => {
    expect(sends(undefined, watched({ memory: 0.99, used: 1 }))).toBe(false);
  });

  it.each([
    ['a volume that fails', watched({ volume: { state: 'failed', failure: 'truncated' } })],
    ['a volume that is being restored', watched({ volume: { state: 'restoring' } })],
    ['a volume that went', watched({ volume: 'none' })],
    ['a volume’s new snapshot', watched({ volume: { lastSnapshotId: 's-1' } })],
    ['a snapshot that failed', watched({ volume: { failedSnapshots: 1 } })],
    ['a file system that is nearly full', watched({ used: 0.951 })],
    ['memory that is nearly used up', watched({ memory: 0.96 })],
    ['a disk that fails', watched({ disks: [{ name: 'sda', state: 'failed' }] })],
    ['a disk that comes with a fault', watched({ disks: [{ name: 'sdb', state: 'missing' }] })],
    ['an array that loses a member', watched({ arrays: [{ name: 'md0', state: 'degraded', missing: 1 }] })],
    ['a file system that nobody can write to any more', watched({ readOnly: true })],
  ])('goes out for %s', (_what, now) => {
    expect(sends(learned(), now)).toBe(true);
  });

  it.each([
    ['nothing', watched()],
    ['a file system between its thresholds', watched({ used: 0.93 })],
    ['a disk that came and is well', watched({ disks: [{ name: 'sdz', state: 'ok' }] })],
    ['a volume’s progress', watched({ volume: { lastSnapshotAt: 5 } })],
  ])('does not go out for %s', (_what, now) => {
    expect(sends(learned(), now)).toBe(false);
  });

  it('goes out when a file system clears, and not when it merely wavers', () => {
    const full = stepCrossings(learned(), watched({ used: 0.96 })).levels;
    expect(sends(full, watched({ used: 0.94 }))).toBe(false);
    expect(sends(full, watched({ used: 0.9 }))).toBe(true);
  });

  it('goes out when an array that was degraded is whole again', () => {
    const degraded = stepCrossings(
      learned(),
      watched({ arrays: [{ name: 'md0', state: 'degraded' }] }),
    ).levels;
    expect(sends(degraded, watched({ arrays: [{ name: 'md0', state: 'rebuilding' }] }))).toBe(true);
    expect(sends(degraded, watched())).toBe(true);
  });

  it('goes out for a volume that came to a gateway that had none', () => {
    const none = stepCrossings(undefined, { ...watched({ volume: 'none' }), filesystems: [] }).levels;
    expect(sends(none, watched())).toBe(true);
  });
});
