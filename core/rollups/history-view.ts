import {
  bucketsOf,
  emptyBucket,
  rollupKinds,
  type Bucket,
  type BucketValues,
  type Rollup,
  type RollupKind,
} from './rollup.ts';
import { historySignals, valuesOf, type HistorySignal, type Observed } from './signals.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** What can be drawn: so many buckets of that length, the one that is now among them. */
export const historySpans = {
  hour: { bucketMs: 5 * minuteMs, bucketCount: 12 },
  day: { bucketMs: 15 * minuteMs, bucketCount: 96 },
  month: { bucketMs: hourMs, bucketCount: 30 * 24 },
} as const;
export type HistorySpan = keyof typeof historySpans;
export const historySpanNames = Object.keys(historySpans) as [HistorySpan, ...HistorySpan[]];

/** A gateway's past as it is drawn. Times are Unix ms by the gateway's clock. */
export interface HistoryView {
  gatewayId: string;
  span: HistorySpan;
  from: number;
  to: number;
  bucketMs: number;
  /** Measurements in each bucket from `from` on; 0: a gap. */
  counts: number[];
  signals: SignalView[];
  /** When the newest of it was measured, as far as that is known: the last report, else the end of the newest bucket. */
  newestAt?: number;
  connection: 'connected' | 'disconnected';
  /** Server's clock at the newest status. */
  lastSeenAt?: number;
  clockSkewMs?: number;
}
export interface SignalView {
  name: string;
  unit: HistorySignal['unit'];
  buckets: (BucketValues | null)[];
  /** The newest that is known: of the last report where it said so, else the mean of the newest bucket. */
  last?: number;
}

/**
 * What a gateway's clock says at `now`, the server's: its buckets are by that. Of one that is off by more than a day
 * nothing is kept, or nobody knows where it is.
 */
export const gatewayNow = (now: number, clockSkewMs = 0): number =>
  Math.abs(clockSkewMs) <= 24 * hourMs ? now + clockSkewMs : now;

export function historyWindow(span: HistorySpan, now: number): { from: number; to: number } {
  const { bucketMs, bucketCount } = historySpans[span];
  const to = (Math.floor(now / bucketMs) + 1) * bucketMs;
  return { from: to - bucketMs * bucketCount, to };
}

/** The rollups that a span is drawn from: a month from days, and from half hours what is in no day yet. */
export function rollupsNeeded(
  span: HistorySpan,
  now: number,
): { kind: RollupKind; from: number; to: number }[] {
  const { from, to } = historyWindow(span, now);
  const recent = Math.max(from, now - rollupKinds['half-hour'].keptMs);
  const halfHours = { kind: 'half-hour' as const, from: span === 'month' ? recent : from, to };
  return span === 'month' ? [{ kind: 'day', from, to }, halfHours] : [halfHours];
}

export interface HistorySources {
  rollups: readonly Rollup[];
  /** The last report. What it says stands for its bucket until the rollup of that is there, and lies within it then. */
  last?: Observed & { sentAt: number };
}

/** `names`: the signals that are asked for; undefined: all that have a value. */
export function drawnFrom(
  span: HistorySpan,
  now: number,
  { rollups, last }: HistorySources,
  names?: readonly string[],
): Pick<HistoryView, 'from' | 'to' | 'bucketMs' | 'counts' | 'signals' | 'newestAt'> {
  const { bucketMs } = historySpans[span];
  const { from, to } = historyWindow(span, now);
  const buckets = filledBuckets(rollups, { from, to, bucketMs });
  const lastValues = last ? valuesOf(last) : {};
  const lastAt = last ? Math.floor((last.sentAt - from) / bucketMs) : -1;
  const beforeLast = buckets[lastAt];
  if (beforeLast)
    buckets[lastAt] = beforeLast.count === 0 ? bucketOf(lastValues) : widened(beforeLast, lastValues);
  const newest = buckets.findLastIndex(({ count }) => count > 0);
  const endOfNewest = Math.min(now, from + (newest + 1) * bucketMs);
  const newestAt = last && lastAt === newest ? last.sentAt : endOfNewest;
  const asked = ({ name }: HistorySignal) =>
    names ? names.includes(name) : buckets.some(({ values }) => values[name]);
  return {
    from,
    to,
    bucketMs,
    counts: buckets.map(({ count }) => count),
    signals: historySignals.filter(asked).map(({ name, unit }) => {
      const of = buckets.map(({ values }) => values[name] ?? null);
      const shown = lastValues[name] ?? of.findLast((values) => values !== null)?.[1];
      return { name, unit, buckets: of, ...(shown !== undefined && { last: shown }) };
    }),
    ...(newest >= 0 && { newestAt }),
  };
}

/** One measurement. */
function bucketOf(values: Record<string, number>): Bucket {
  const single = Object.entries(values).map(([name, value]) => [name, [value, value, value] as const]);
  return { count: 1, values: Object.fromEntries(single) as Bucket['values'] };
}

/** A bucket that may have counted the values or not: they lie within it, and neither its mean nor its count moves. */
function widened({ count, values }: Bucket, by: Record<string, number>): Bucket {
  const wider = Object.entries(by).map(([name, value]) => {
    const [min, mean, max] = values[name] ?? [value, value, value];
    return [name, [Math.min(min, value), mean, Math.max(max, value)] as const];
  });
  return { count, values: { ...values, ...(Object.fromEntries(wider) as Bucket['values']) } };
}

/** Where a day and half hours tell of the same bucket, the one with more measurements counts. */
function filledBuckets(
  rollups: readonly Rollup[],
  { from, to, bucketMs }: { from: number; to: number; bucketMs: number },
): Bucket[] {
  const count = Math.round((to - from) / bucketMs);
  const foldedOf = (kind: RollupKind): Bucket[] => {
    const parts: Bucket[][] = Array.from({ length: count }, () => []);
    for (const rollup of rollups)
      if (rollup.kind === kind)
        for (const [i, bucket] of bucketsOf(rollup).entries()) {
          const at = rollup.startsAt + i * rollupKinds[kind].bucketMs;
          if (bucket.count > 0) parts[Math.floor((at - from) / bucketMs)]?.push(bucket);
        }
    return parts.map(folded);
  };
  const [days, halfHours] = [foldedOf('day'), foldedOf('half-hour')];
  return days.map((day, i) => (day.count >= halfHours[i]!.count ? day : halfHours[i]!));
}

/** One bucket of many: means are weighed by how much was measured. */
export function folded(parts: readonly Bucket[]): Bucket {
  if (parts.length < 2) return parts[0] ?? emptyBucket;
  const values: Bucket['values'] = {};
  for (const { name } of historySignals) {
    const known = parts.flatMap(({ count, values: of }) => (of[name] ? [{ count, of: of[name] }] : []));
    if (known.length === 0) continue;
    const total = known.reduce((sum, { count }) => sum + count, 0);
    const mean = known.reduce((sum, { count, of }) => sum + of[1] * count, 0) / total;
    const min = Math.min(...known.map(({ of }) => of[0]));
    values[name] = [min, mean, Math.max(...known.map(({ of }) => of[2]))];
  }
  return { count: parts.reduce((sum, { count }) => sum + count, 0), values };
}
