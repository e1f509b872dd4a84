import type { VolumeStatus } from '../../../core/status.ts';
import {
  crossingsSent,
  noCrossings,
  outOfTurnIntervalMs,
  stepCrossings,
  type CrossingState,
  type Watched,
} from '../../../agent/status/crossings.ts';

const t0 = 1_795_000_000_000;
const watched = (
  over: { memory?: number; used?: number; volume?: Partial<VolumeStatus> | 'none' } = {},
): Watched => ({
  memoryUtilization: over.memory ?? 0.5,
  filesystems: [{ mount: '/', sizeBytes: 1000, freeBytes: 1000 * (1 - (over.used ?? 0.5)) }],
  volumes:
    over.volume === 'none' ? [] : [{ volumeId: 'v', state: 'healthy', sizeBytes: 1, ...(over.volume ?? {}) }],
});
const learned = (): CrossingState => stepCrossings(noCrossings, watched(), t0).state;
const sends = (state: CrossingState, now: Watched, at = t0): boolean => stepCrossings(state, now, at).send;

describe('heartbeats out of turn', () => {
  it('only learns at the first look', () => {
    expect(sends(noCrossings, watched({ memory: 0.99, used: 1 }))).toBe(false);
  });

  it.each([
    ['a volume that fails', watched({ volume: { state: 'failed', failure: 'truncated' } })],
    ['a volume that is being restored', watched({ volume: { state: 'restoring' } })],
    ['a volume that went', watched({ volume: 'none' })],
    ['a file system that is nearly full', watched({ used: 0.951 })],
    ['memory that is nearly used up', watched({ memory: 0.96 })],
  ])('goes out for %s', (_what, now) => {
    expect(sends(learned(), now)).toBe(true);
  });

  it.each([
    ['nothing', watched()],
    ['a file system between its thresholds', watched({ used: 0.93 })],
    ['a volume’s progress', watched({ volume: { lastSnapshotAt: 5 } })],
  ])('does not go out for %s', (_what, now) => {
    expect(sends(learned(), now)).toBe(false);
  });

  it('goes out when a file system clears, and not when it merely wavers', () => {
    const full = stepCrossings(learned(), watched({ used: 0.96 }), t0).state;
    const later = t0 + outOfTurnIntervalMs;
    expect(sends(full, watched({ used: 0.94 }), later)).toBe(false);
    expect(sends(full, watched({ used: 0.9 }), later)).toBe(true);
  });

  it('goes out once a minute at most, and what changed meanwhile goes when the minute is over', () => {
    let { state, send } = stepCrossings(learned(), watched({ volume: { state: 'failed' } }), t0);
    expect(send).toBe(true);
    ({ state, send } = stepCrossings(state, watched({ volume: { state: 'restoring' } }), t0 + 1000));
    expect(send).toBe(false);
    ({ state, send } = stepCrossings(
      state,
      watched({ volume: { state: 'restoring' } }),
      t0 + outOfTurnIntervalMs,
    ));
    expect(send).toBe(true);
    expect(sends(state, watched({ volume: { state: 'restoring' } }), t0 + 3 * outOfTurnIntervalMs)).toBe(
      false,
    );
  });

  it('has nothing to add to a heartbeat that went out in its turn', () => {
    let { state } = stepCrossings(learned(), watched({ memory: 0.96 }), t0);
    ({ state } = stepCrossings(state, watched({ memory: 0.5 }), t0 + 1000));
    state = crossingsSent(state);
    expect(sends(state, watched({ memory: 0.5 }), t0 + outOfTurnIntervalMs)).toBe(false);
  });
});
