import { z } from 'zod';
import {
  bucketCountOf,
  emptyBucket,
  isSameRollup,
  mergeRollups,
  rollupKindNames,
  rollupKinds,
  rollupOf,
  rollupSchema,
  rollupStart,
  type Bucket,
  type Rollup,
  type RollupKind,
} from '../../core/rollups/rollup.ts';

/** What was measured in a bucket so far: least, sum and greatest value of each signal, and how often it had one. */
const tallySchema = z.object({
  count: z.number().int().nonnegative(),
  values: z.record(z.string(), z.tuple([z.number(), z.number(), z.number(), z.number()])),
});
type Tally = z.infer<typeof tallySchema>;

const openSchema = z.object({
  kind: z.enum(rollupKindNames),
  startsAt: z.number().int().nonnegative(),
  tallies: z.array(tallySchema).max(Math.max(...rollupKindNames.map(bucketCountOf))),
});
type OpenRollup = z.infer<typeof openSchema>;

/** The agent's part of the past: the rollups of now, and those that the cloud does not have yet, oldest first. */
export const pastSchema = z.object({ open: z.array(openSchema).max(2), done: z.array(rollupSchema) });
export type Past = z.infer<typeof pastSchema>;
export const noPast: Past = { open: [], done: [] };

/** `values` were measured at `at`, Unix ms. A rollup whose time is over is done. */
export function measured(past: Past, values: Readonly<Record<string, number>>, at: number): Past {
  let { done } = past;
  const open = rollupKindNames.map((kind): OpenRollup => {
    const startsAt = rollupStart(kind, at);
    const before = past.open.find((each) => each.kind === kind);
    if (before && before.startsAt !== startsAt) done = withDone(done, closed(before));
    const now = before?.startsAt === startsAt ? before : { kind, startsAt, tallies: [] };
    return added(now, values, Math.floor((at - startsAt) / rollupKinds[kind].bucketMs));
  });
  return { open, done: kept(done) };
}

function added(open: OpenRollup, values: Readonly<Record<string, number>>, index: number): OpenRollup {
  const tallies = Array.from(
    { length: Math.max(index + 1, open.tallies.length) },
    (_, i) => open.tallies[i] ?? emptyTally,
  );
  const { count, values: before } = tallies[index]!;
  const sums: Tally['values'] = { ...before };
  for (const [name, value] of Object.entries(values)) {
    const [min, sum, max, times] = before[name] ?? [value, 0, value, 0];
    sums[name] = [Math.min(min, value), sum + value, Math.max(max, value), times + 1];
  }
  tallies[index] = { count: count + 1, values: sums };
  return { ...open, tallies };
}

const emptyTally: Tally = { count: 0, values: {} };

/** As far as it got. */
export function closed({ kind, startsAt, tallies }: OpenRollup): Rollup {
  const buckets = tallies.map(({ count, values }): Bucket => {
    if (count === 0) return emptyBucket;
    const means = Object.entries(values).map(
      ([name, [min, sum, max, times]]) => [name, [min, sum / times, max] as const] as const,
    );
    return { count, values: Object.fromEntries(means) };
  });
  return rollupOf({ kind, startsAt }, buckets);
}

/** A clock that was set back comes to the same span twice. */
function withDone(done: readonly Rollup[], next: Rollup): Rollup[] {
  const same = done.find((each) => isSameRollup(each, next));
  return [...done.filter((each) => each !== same), same ? mergeRollups(same, next) : next];
}

/**
 * As many as the cloud would take, the last that were measured. Not by their times: a clock that was reset would end what
 * it will be put right for.
 */
function kept(done: readonly Rollup[]): Rollup[] {
  const countMax = (kind: RollupKind) => Math.ceil(rollupKinds[kind].keptMs / rollupKinds[kind].spanMs);
  return rollupKindNames.flatMap((kind) => done.filter((each) => each.kind === kind).slice(-countMax(kind)));
}

/** The cloud has them. */
export const withoutDone = (past: Past, stored: readonly Rollup[]): Past => ({
  ...past,
  done: past.done.filter((each) => !stored.includes(each)),
});
