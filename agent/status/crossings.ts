import { conditionById } from '../../core/conditions/conditions.ts';
import type { ArrayStatus, DiskStatus, FilesystemStatus, VolumeStatus } from '../../core/status.ts';
import { usedOf } from './filesystems.ts';

/** Last known level of each watched thing. */
export type Levels = Readonly<Record<string, string>>;

export interface Watched {
  memoryUtilization: number | undefined;
  filesystems: readonly FilesystemStatus[];
  volumes: readonly VolumeStatus[];
  disks: readonly Pick<DiskStatus, 'name' | 'state'>[];
  arrays: readonly ArrayStatus[];
}

/**
 * What is worth a heartbeat out of turn: a volume that changes state or has a new snapshot, a disk or an array that
 * fails or comes back, a file system that becomes read-only, a file system or the memory that crosses a threshold of
 * the condition that the cloud will judge it by. Pure; the caller keeps the levels. Without `before`
 * they are only learned.
 */
export function stepCrossings(
  before: Levels | undefined,
  watched: Watched,
): { levels: Levels; isChanged: boolean } {
  const levels = levelsOf(watched, before ?? {});
  return { levels, isChanged: before !== undefined && differ(before, levels) };
}

function levelsOf(watched: Watched, before: Levels): Levels {
  const levels: Record<string, string> = {};
  const grade = (key: string, conditionId: string, value: number): void => {
    const { raiseAt, clearAt } = conditionById.get(conditionId)!;
    levels[key] = value >= raiseAt ? 'raised' : value <= clearAt ? 'clear' : (before[key] ?? 'clear');
  };
  if (watched.memoryUtilization !== undefined) grade('memory', 'MemoryHigh', watched.memoryUtilization);
  for (const fs of watched.filesystems) {
    grade(`fs ${fs.mount}`, 'FsFull', usedOf(fs));
    levels[`write ${fs.mount}`] = fs.readOnly ? 'refused' : 'clear';
  }
  for (const { name, state } of watched.disks) levels[`disk ${name}`] = state === 'ok' ? 'clear' : state;
  for (const { name, state } of watched.arrays) levels[`array ${name}`] = state === 'ok' ? 'clear' : state;
  for (const { volumeId, state, failure, lastSnapshotId, failedSnapshots } of watched.volumes) {
    levels[`volume ${volumeId}`] = [state, failure, lastSnapshotId, failedSnapshots].join(' ');
  }
  return levels;
}

/** A volume that came or went is a change; anything else that came clear or went is none. */
function differ(before: Levels, after: Levels): boolean {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].some((key) => {
    if (key.startsWith('volume ')) return before[key] !== after[key];
    return key in after && (before[key] ?? 'clear') !== after[key];
  });
}
