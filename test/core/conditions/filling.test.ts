import { conditionById } from '../../../core/conditions/conditions.ts';
import { observe } from '../../../core/conditions/evaluate.ts';
import { nextHistory, type StatusHistory } from '../../../core/conditions/history.ts';
import type { Heartbeat } from '../../../core/status.ts';
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
const midnight = Math.floor(t0 / days) * days;

interface Told {
  /** ms since the first report, and how full it was then. */
  at: number;
  level: number;
}

/** Firings of FsFilling over a series of levels that is reported every five minutes, as the proxy would see them. */
function firings(levelAt: (ms: number) => number, forMs: number): Told[] {
  let before: { heartbeat: Heartbeat; history?: StatusHistory } | undefined;
  let raisedAt: number | undefined;
  let isFiring = false;
  const told: Told[] = [];
  for (let at = 0; at < forMs; at += 5 * minutes) {
    const level = Math.min(1, levelAt(at));
    const beat = heartbeat({
      sentAt: midnight + at,
      filesystems: [{ mount: '/data', sizeBytes: 1e12, freeBytes: Math.round(1e12 * (1 - level)) }],
    });
    const history = nextHistory(before, beat);
    before = { heartbeat: beat, ...(history && { history }) };
    const status = { ...statusItem({ receivedAt: beat.sentAt }), ...before };
    const input = { gateway: gatewayItem(), status, now: beat.sentAt, limits: conditionLimits };
    const seen = observe(input).find(({ condition }) => condition.id === 'FsFilling')?.level;
    if (seen === 'raised') raisedAt ??= at;
    else raisedAt = undefined;
    if (seen === 'clear') isFiring = false;
    const mustLastMs = conditionById.get('FsFilling')!.forMs(conditionLimits);
    if (!isFiring && raisedAt !== undefined && at - raisedAt >= mustLastMs) {
      isFiring = true;
      told.push({ at, level });
    }
  }
  return told;
}

/** Fills from `low` to `high` in the hours from `from` on, each night, and is emptied again at `until`. */
const nightly =
  ({
    low,
    high,
    from = 22,
    takes = 4,
    until = 30,
  }: Record<'low' | 'high', number> & Partial<Record<'from' | 'takes' | 'until', number>>) =>
  (ms: number): number => {
    const hour = ((ms + days - from * hours) % days) / hours;
    return hour < until - from ? low + (high - low) * Math.min(1, hour / takes) : low;
  };

describe('a copy that fills a file system each night', () => {
  test.each<[string, Parameters<typeof nightly>[0]]>([
    ['from 72 % to 92 %', { low: 0.72, high: 0.92 }],
    ['from 55 % to 90 %, which is watched at night alone', { low: 0.55, high: 0.9 }],
    ['for eight hours', { low: 0.7, high: 0.93, takes: 8, until: 36 }],
    ['and is deleted as soon as it is done', { low: 0.72, high: 0.93, until: 26 }],
  ])('%s, is told of in its first night at the most', (_what, copy) => {
    const told = firings(nightly(copy), 6 * days);
    expect(told.filter(({ at }) => at > 1.5 * days)).toEqual([]);
  });

  it('and starts some hours earlier or later, is told of in its first night at the most', () => {
    const random = seeded(7);
    const starts = Array.from({ length: 12 }, () => 20 + Math.floor(5 * random()));
    const jittered = (ms: number): number =>
      nightly({ low: 0.72, high: 0.92, from: starts[Math.floor((ms + 12 * hours) / days)]!, until: 31 })(ms);
    expect(firings(jittered, 10 * days).filter(({ at }) => at > 1.5 * days)).toEqual([]);
  });

  it('and leaves more each day, is told of before it is full', () => {
    const growing = (ms: number): number => nightly({ low: 0.6, high: 0.72 })(ms) + 0.05 * (ms / days);
    const told = firings(growing, 7 * days);
    // It is full at night 6, and above 95 %, which is FsFull’s, in night 5 for the first time.
    expect(told[0]?.at).toBeLessThan(5.5 * days);
  });
});

describe('a file system that does fill', () => {
  test.each([
    ['by 1 % an hour, from 70 %', 0.7, 0.01, 0.78],
    ['by 5 % an hour, from 70 %', 0.7, 0.05, 0.86],
    ['by 1 % an hour, from 90 %', 0.9, 0.01, 0.945],
    ['by half a per cent an hour, from 75 %', 0.75, 0.005, 0.89],
  ])('%s after a quiet day, is told of in time', (_what, from, perHour, by) => {
    const told = firings((ms) => from + Math.max(0, ms - 1.5 * days) * (perHour / hours), 4 * days);
    expect(told).toHaveLength(1);
    expect(told[0]!.level).toBeLessThanOrEqual(by);
  });

  it('from less than half, is told of as soon as the short look sees it', () => {
    const told = firings((ms) => 0.3 + Math.max(0, ms - days) * (0.04 / hours), 2 * days);
    expect(told).toHaveLength(1);
    expect(told[0]!.level).toBeLessThanOrEqual(0.84);
  });
});
