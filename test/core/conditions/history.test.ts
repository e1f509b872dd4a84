import {
  filesystemLevel,
  needsHistory,
  nextHistory,
  pairs,
  riseOf,
  spacingMinutes,
  type StatusHistory,
} from '../../../core/conditions/history.ts';
import { observe } from '../../../core/conditions/evaluate.ts';
import { farMs, fullInMs, slopeOf } from '../../../core/conditions/prediction.ts';
import type { Heartbeat } from '../../../core/status.ts';
import { storableJson } from '../../../core/storable.ts';
import {
  conditionLimits,
  gatewayItem,
  heartbeat,
  hours,
  minutes,
  statusItem,
  t0,
} from '../../support/fleet.ts';
import { seeded } from '../../support/random.ts';

const days = 24 * hours;
/** A host that started `upMs` ago and has killed so many. */
const kills = (sentAt: number, count: number, upMs: number): Heartbeat =>
  heartbeat({ sentAt, metrics: { 'gateway.host.oom_kills': count, 'gateway.host.uptime': upMs } });
const fullness = (sentAt: number, used: number, over: Partial<Heartbeat> = {}): Heartbeat =>
  heartbeat({
    sentAt,
    filesystems: [{ mount: '/', sizeBytes: 1e12, freeBytes: 1e12 * (1 - used) }],
    ...over,
  });

/** What is remembered after these reports. */
function remembered(beats: readonly Heartbeat[]): StatusHistory | undefined {
  let before: { heartbeat: Heartbeat; history?: StatusHistory } | undefined;
  for (const each of beats) {
    const history = nextHistory(before, each);
    before = { heartbeat: each, ...(history && { history }) };
  }
  return before?.history;
}

test('a counter is judged by what it rose, also over restarts of the host and changes of its clock', () => {
  const before = kills(t0, 3, 10 * days);
  const rise = (next: Heartbeat) => riseOf(before, next, 'oomKills');
  const later = t0 + 5 * minutes;
  expect(rise(kills(later, 3, 10 * days + 5 * minutes))).toBe(0);
  expect(rise(kills(later, 5, 10 * days + 5 * minutes))).toBe(2);
  // It started again: what it counts by now is new, also where that is more than before.
  expect(rise(kills(later, 1, 2 * minutes))).toBe(1);
  expect(rise(kills(later, 4, 2 * minutes))).toBe(4);
  // Away for a month, and up longer than before by now.
  expect(rise(kills(t0 + 30 * days, 5, 20 * days))).toBe(5);
  // The clock jumped, the host did not start.
  expect(rise(kills(t0 + 2 * days, 3, 10 * days + 5 * minutes))).toBe(0);
  expect(rise(kills(t0 - 2 * days, 3, 10 * days + 5 * minutes))).toBe(0);
  // Without the time it is up, a smaller count is a new one.
  expect(rise(heartbeat({ sentAt: later, metrics: { 'gateway.host.oom_kills': 1 } }))).toBe(1);
});

test('a counter that is not reported says nothing, unless errors were looked for', () => {
  const silent = heartbeat({ sentAt: t0, metrics: {} });
  const looked = heartbeat({ sentAt: t0, metrics: {}, checked: ['errors'] });
  const next = kills(t0 + 5 * minutes, 2, 10 * days);
  expect(riseOf(silent, next, 'oomKills')).toBe(0);
  expect(riseOf(looked, next, 'oomKills')).toBe(2);
  expect(nextHistory(undefined, next)).toBeUndefined();
});

test('heartbeats that were dropped count from the agent’s start', () => {
  const old = heartbeat({ bootId: 'a', droppedHeartbeats: 7 });
  expect(riseOf(old, heartbeat({ bootId: 'a', droppedHeartbeats: 9 }), 'droppedHeartbeats')).toBe(2);
  expect(riseOf(old, heartbeat({ bootId: 'b', droppedHeartbeats: 9 }), 'droppedHeartbeats')).toBe(9);
});

test('rises of the last day are remembered in few numbers, and none is forgotten early', () => {
  const beats = Array.from({ length: 200 }, (_, i) =>
    kills(t0 + i * 20 * minutes, i + 1, 10 * days + i * 20 * minutes),
  );
  const rises = remembered(beats)?.rises?.oomKills;
  expect(pairs(rises).length).toBeLessThanOrEqual(6);
  const now = (t0 + 199 * 20 * minutes) / minutes;
  expect(pairs(rises).every(([at]) => now - at < 24 * 60)).toBe(true);
  // 72 of them were within the day.
  expect(pairs(rises).reduce((sum, [, by]) => sum + by, 0)).toBeGreaterThanOrEqual(72);
  const lastHour = pairs(rises).filter(([at]) => now - at < 60);
  expect(lastHour.reduce((sum, [, by]) => sum + by, 0)).toBe(3);
  const quiet = kills(t0 + 199 * 20 * minutes + days, 200, 20 * days);
  expect(nextHistory({ heartbeat: beats.at(-1)!, history: remembered(beats)! }, quiet)).toBeUndefined();
});

test('a healthy gateway has nothing to remember and needs no read', () => {
  const well = { metrics: { 'gateway.host.oom_kills': 0, 'gateway.host.uptime': 2 * days } };
  expect(needsHistory(heartbeat({ ...well, droppedHeartbeats: 0 }))).toBe(false);
  expect(needsHistory(kills(t0, 1, 2 * days))).toBe(true);
  // It may have started again, and what it counted before is still of this day.
  expect(needsHistory(kills(t0, 0, 23 * hours))).toBe(true);
  expect(needsHistory(fullness(t0, 0.49))).toBe(false);
  // It may have been full last night; if it was not, there is nothing to remember.
  expect(needsHistory(fullness(t0, 0.6))).toBe(true);
  expect(remembered([fullness(t0, 0.6), fullness(t0 + 5 * minutes, 0.6)])).toBeUndefined();
  expect(remembered([fullness(t0, 0.9), fullness(t0 + hours, 0.6)])?.peaks).toEqual({
    [filesystemLevel('/')]: [t0 / minutes, 0.9],
  });
  expect(
    remembered([fullness(t0, 0.9), fullness(t0 + hours, 0.4), fullness(t0 + 2 * hours, 0.6)]),
  ).toBeUndefined();
});

test('levels are remembered at intervals, of the fullest few, in a bounded number of bytes', () => {
  const filesystems = Array.from({ length: 8 }, (_, i) => ({
    mount: `/${i}`,
    sizeBytes: 100,
    freeBytes: 20 - i,
  }));
  const beats = Array.from({ length: 400 }, (_, i) => heartbeat({ sentAt: t0 + i * minutes, filesystems }));
  const levels = remembered(beats)?.levels ?? {};
  expect(Object.keys(levels)).toEqual(['fs /7', 'fs /6', 'fs /5', 'fs /4']);
  for (const flat of Object.values(levels)) expect(flat.length).toBe(24);
  const times = pairs(levels['fs /7']).map(([at]) => at);
  expect(times.slice(1).every((at, i) => at - times[i]! === spacingMinutes.filesystem)).toBe(true);
});

test('peaks are kept of each quarter of a day and a half, in a bounded number of bytes', () => {
  const random = seeded(3);
  const beats = Array.from({ length: 2_000 }, (_, i) => fullness(t0 + i * 5 * minutes, 0.7 + 0.2 * random()));
  const peaks = pairs(remembered(beats)?.peaks?.[filesystemLevel('/')]);
  expect(peaks.length).toBeLessThanOrEqual(7);
  const now = t0 / minutes + 1_999 * 5;
  expect(now - peaks[0]![0]).toBeGreaterThan(24 * 60);
  expect(peaks.every(([at, level]) => now - at < 36 * 60 && level > 0.85)).toBe(true);
});

test('points of before a long silence, or of a clock that was ahead, are no part of a trend', () => {
  const before = [0, 30, 60, 90].map((m) => fullness(t0 + m * minutes, 0.8));
  const name = filesystemLevel('/');
  const later = fullness(t0 + 3 * days, 0.9);
  expect(remembered([...before, later])?.levels?.[name]).toHaveLength(2);
  const setBack = fullness(t0 - days, 0.9);
  expect(remembered([...before, setBack])?.levels?.[name]).toHaveLength(2);
});

test('the slope is the median of all slopes: wild points do not bend it', () => {
  expect(slopeOf([[0, 1], [1, 2], [2, 3]])).toBe(1); // prettier-ignore
  expect(slopeOf([[0, 1]])).toBeUndefined(); // prettier-ignore
  const random = seeded(5);
  for (let trial = 0; trial < 50; trial++) {
    const line = Array.from({ length: 12 }, (_, x) => [x, 0.1 + 0.02 * x] as [number, number]);
    for (let wild = 0; wild < 3; wild++) line[Math.floor(random() * 12)]![1] = random();
    expect(slopeOf(line)).toBeCloseTo(0.02, 2);
  }
});

test('nothing is predicted from too few points or too short a time, and nothing fills up that falls', () => {
  const at = (...levels: number[]) => levels.map((level, i) => [i * 30, level] as const);
  const now = (minute: number, level: number) => ({ minute, level });
  expect(fullInMs(at(0.8, 0.81), now(120, 0.82), 30)).toBeUndefined();
  expect(fullInMs(at(0.8, 0.81, 0.82), now(90, 0.83), 30)).toBeUndefined();
  expect(fullInMs(at(0.8, 0.81, 0.82, 0.83), now(120, 0.84), 30)).toBeCloseTo(8 * hours, -4);
  expect(fullInMs(at(0.84, 0.83, 0.82, 0.81), now(120, 0.8), 30)).toBe(farMs);
  expect(fullInMs(at(1, 1, 1, 1), now(120, 1), 30)).toBe(farMs);
});

test('whatever numbers a gateway invents, what is remembered can be stored, in about a kilobyte', () => {
  const numbers = [0, 1, -1, 0.1, 1e-130, 1.1e-130, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER];
  const random = seeded(11);
  const any = () => numbers[Math.floor(random() * numbers.length)]!;
  const names = ['gateway.host.oom_kills', 'gateway.host.uptime', 'hw.memory.errors.uncorrected'];
  for (let trial = 0; trial < 300; trial++) {
    const beats = Array.from({ length: 20 }, (_, i) => ({
      ...heartbeat({ sentAt: t0 + i * 15 * minutes, droppedHeartbeats: Math.abs(Math.trunc(any())) }),
      metrics: Object.fromEntries(
        [...names, 'gateway.upload_buffer.utilization'].map((name) => [name, any()]),
      ),
      filesystems: Array.from({ length: 8 }, (__, fs) => ({
        mount: `/${fs}`.padEnd(128, 'x'),
        sizeBytes: Math.abs(Math.trunc(any())),
        freeBytes: Math.abs(Math.trunc(any())),
      })),
    }));
    const history = remembered(beats);
    expect(storableJson.safeParse(history ?? {}).error).toBeUndefined();
    expect(JSON.stringify(history ?? {}).length).toBeLessThan(2_000);
    const last = { heartbeat: beats.at(-1)!, ...(history && { history }) };
    const status = { ...statusItem({ receivedAt: last.heartbeat.sentAt }), ...last };
    const seen = observe({
      gateway: gatewayItem(),
      status,
      now: last.heartbeat.sentAt,
      limits: conditionLimits,
    });
    expect(seen.every(({ value }) => Number.isFinite(value))).toBe(true);
  }
});
