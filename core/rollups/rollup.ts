import { z } from 'zod';
import { isStorable, storableNumber } from '../storable.ts';
import { historySignalNames } from './signals.ts';

/**
 * A gateway's past for plots. It measures its signals each minute, and makes of them one rollup for each half hour
 * (buckets of 5 minutes) and one for each day (buckets of an hour). Times are the gateway's, in UTC.
 */
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
export const rollupKinds = {
  'half-hour': { spanMs: 30 * minuteMs, bucketMs: 5 * minuteMs, keptMs: 2 * dayMs },
  day: { spanMs: dayMs, bucketMs: hourMs, keptMs: 35 * dayMs },
} as const;
export type RollupKind = keyof typeof rollupKinds;
export const rollupKindNames = Object.keys(rollupKinds) as [RollupKind, ...RollupKind[]];

export const bucketCountOf = (kind: RollupKind): number =>
  rollupKinds[kind].spanMs / rollupKinds[kind].bucketMs;
const bucketsMax = Math.max(...rollupKindNames.map(bucketCountOf));
/** In one status frame. */
export const rollupsPerFrameMax = 4;
/** Of all rollups of one frame, as JSON: a day of every signal fits, with numbers as long as two digits can be. */
export const rollupFrameBytes = 12 * 1024;
/** A gateway has that many names at most that this version does not know. */
const signalsMax = 32;
/** A day has so many minutes; whoever measures more often is not told from it. */
const countMax = 1_440;
/** How far ahead of the server's clock a rollup may begin. */
const aheadMaxMs = 10 * minuteMs;

export const rollupSchema = z
  .object({
    kind: z.enum(rollupKindNames),
    /** Unix ms; a multiple of the kind's span. */
    startsAt: z.number().int().nonnegative(),
    /** Measurements in each bucket from `startsAt` on; 0: a gap. */
    counts: z.array(z.number().int().min(0).max(countMax)).min(1).max(bucketsMax),
    /** By name: least, mean and greatest value of each bucket, one bucket behind the other; null where there is none. */
    signals: z
      .record(z.string().min(1).max(64), z.array(storableNumber.nonnegative().nullable()).max(3 * bucketsMax))
      .refine((signals) => Object.keys(signals).length <= signalsMax, `at most ${signalsMax} signals`),
  })
  .superRefine(({ kind, startsAt, counts, signals }, context) => {
    const refuse = (message: string) => context.addIssue({ code: 'custom', message });
    if (startsAt % rollupKinds[kind].spanMs !== 0) refuse(`startsAt is not where a ${kind} begins`);
    if (counts.length > bucketCountOf(kind)) refuse(`a ${kind} has ${bucketCountOf(kind)} buckets`);
    for (const [name, values] of Object.entries(signals))
      if (values.length !== 3 * counts.length) refuse(`${name}: three values for each bucket`);
  });
export type Rollup = z.infer<typeof rollupSchema>;

/** What was measured in one bucket: least, mean and greatest value by signal, over `count` measurements. */
export interface Bucket {
  count: number;
  values: Record<string, BucketValues>;
}
export type BucketValues = readonly [min: number, mean: number, max: number];
export const emptyBucket: Bucket = { count: 0, values: {} };

export const rollupStart = (kind: RollupKind, at: number): number =>
  Math.floor(at / rollupKinds[kind].spanMs) * rollupKinds[kind].spanMs;
export const isSameRollup = (a: Pick<Rollup, 'kind' | 'startsAt'>, b: typeof a): boolean =>
  a.kind === b.kind && a.startsAt === b.startsAt;

export function bucketsOf({ counts, signals }: Pick<Rollup, 'counts' | 'signals'>): Bucket[] {
  return counts.map((count, i) => {
    const values: Bucket['values'] = {};
    for (const name of historySignalNames) {
      const [min, mean, max] = (signals[name] ?? []).slice(3 * i, 3 * i + 3);
      if (count > 0 && typeof min === 'number' && typeof mean === 'number' && typeof max === 'number')
        values[name] = [min, mean, max];
    }
    return { count, values };
  });
}

/**
 * Of the signals that this version knows, to two digits: what is drawn has eight heights, and a third costs a byte.
 * A clock that stands still counts more in a bucket than a day has minutes, and a mean may be too small to be stored.
 */
export function rollupOf(of: Pick<Rollup, 'kind' | 'startsAt'>, buckets: readonly Bucket[]): Rollup {
  const signals: Rollup['signals'] = {};
  for (const name of historySignalNames) {
    if (!buckets.some(({ values }) => values[name])) continue;
    signals[name] = buckets.flatMap(({ values }) => values[name]?.map(rounded) ?? [null, null, null]);
  }
  const counts = buckets.map(({ count }) => Math.min(count, countMax));
  return { kind: of.kind, startsAt: of.startsAt, counts, signals };
}

const rounded = (value: number): number =>
  Math.abs(value) < 1 && !isStorable(value) ? 0 : Number(value.toPrecision(2));

/**
 * Two accounts of the same span: each bucket is that of the one who measured more in it. In whatever order and how often
 * accounts come, the result is the same. Measurements are not added up: nobody knows whether they are the same ones.
 */
export function mergeRollups(a: Rollup, b: Rollup): Rollup {
  const [ofA, ofB] = [bucketsOf(a), bucketsOf(b)];
  const buckets = Array.from({ length: Math.max(ofA.length, ofB.length) }, (_, i) =>
    better(ofA[i] ?? emptyBucket, ofB[i] ?? emptyBucket),
  );
  return rollupOf(a, buckets);
}

/** Where both counted the same, any rule does that does not ask which of them came first. */
function better(a: Bucket, b: Bucket): Bucket {
  if (a.count !== b.count) return a.count > b.count ? a : b;
  return JSON.stringify(a.values) >= JSON.stringify(b.values) ? a : b;
}

/** Why a rollup is not taken at `now`, the server's clock; undefined: it is. */
export function refusalOf({ kind, startsAt }: Rollup, now: number): 'future' | 'past' | undefined {
  if (startsAt > now + aheadMaxMs) return 'future';
  return startsAt + rollupKinds[kind].keptMs <= now ? 'past' : undefined;
}
