import { conditionById } from '../../core/conditions/conditions.ts';
import type { FilesystemStatus, VolumeStatus } from '../../core/status.ts';
import { usedOf } from './filesystems.ts';

/**
 * What is worth a heartbeat out of turn: a volume that changes state, a file system or the memory that crosses a
 * threshold of the condition that the cloud will judge it by. Pure; the caller keeps the state.
 */
export interface CrossingState {
  /** Last known level of each watched thing. */
  levels: Readonly<Record<string, string>>;
  /** Something has changed and was not sent yet. */
  pending: boolean;
  /** Unix ms of the last heartbeat out of turn. */
  sentOutOfTurnAt: number;
}

export interface Watched {
  memoryUtilization: number | undefined;
  filesystems: readonly FilesystemStatus[];
  volumes: readonly VolumeStatus[];
}

/** At most one heartbeat out of turn within it; what changes meanwhile is sent when it is over. */
export const outOfTurnIntervalMs = 60_000;

export const noCrossings: CrossingState = { levels: {}, pending: false, sentOutOfTurnAt: -Infinity };

/** `send`: a heartbeat is due now. The first look at things only learns their levels. */
export function stepCrossings(
  state: CrossingState,
  watched: Watched,
  now: number,
): { state: CrossingState; send: boolean } {
  const first = Object.keys(state.levels).length === 0;
  const levels = levelsOf(watched, state.levels);
  const pending = state.pending || (!first && differ(state.levels, levels));
  const send = pending && now - state.sentOutOfTurnAt >= outOfTurnIntervalMs;
  return {
    state: send ? { levels, pending: false, sentOutOfTurnAt: now } : { ...state, levels, pending },
    send,
  };
}

/** A heartbeat went out in its turn: it carried everything that was pending. */
export function crossingsSent(state: CrossingState): CrossingState {
  return { ...state, pending: false };
}

function levelsOf(watched: Watched, before: Readonly<Record<string, string>>): Record<string, string> {
  const levels: Record<string, string> = { agent: 'up' };
  const grade = (key: string, conditionId: string, value: number): void => {
    const { raiseAt, clearAt } = conditionById.get(conditionId)!;
    levels[key] = value >= raiseAt ? 'raised' : value <= clearAt ? 'clear' : (before[key] ?? 'clear');
  };
  if (watched.memoryUtilization !== undefined) grade('memory', 'MemoryHigh', watched.memoryUtilization);
  for (const fs of watched.filesystems) grade(`fs ${fs.mount}`, 'FsFull', usedOf(fs));
  for (const { volumeId, state, failure } of watched.volumes) {
    levels[`volume ${volumeId}`] = `${state} ${failure ?? ''}`;
  }
  return levels;
}

/** A volume that came or went is a change; a file system that came clear or went is none. */
function differ(before: Readonly<Record<string, string>>, after: Readonly<Record<string, string>>): boolean {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].some((key) => {
    if (key.startsWith('volume ')) return before[key] !== after[key];
    return key in after && (before[key] ?? 'clear') !== after[key] && key !== 'agent';
  });
}
