import type { BulkCounts, BulkJobItem, BulkTargetItem, BulkTargetState } from './model.ts';
import { failedTargetStates } from './model.ts';
import { shareCount } from './shares.ts';

/** What the runner does next with a job whose targets are written down. */
export type BulkStep =
  | { do: 'start'; targets: BulkTargetItem[] }
  /** No more starts: the threshold was reached. */
  | { do: 'abort'; reason: string }
  /** Ends targets that never started, each as `state`. */
  | { do: 'end-waiting'; targets: BulkTargetItem[]; state: 'SKIPPED' | 'EXPIRED' }
  | { do: 'finish'; state: 'SUCCEEDED' | 'PARTIAL' | 'ABORTED' | 'CANCELED' }
  /** Nothing to do before a command ends, or before `untilMs` (Unix ms): then the rate lets the next one start. */
  | { do: 'wait'; untilMs?: number };

type Job = Pick<BulkJobItem, 'state' | 'rate' | 'concurrency' | 'waves' | 'abortAfter' | 'expiresAt'>;
type Target = BulkTargetItem;

/**
 * The next step. `targets` are all of the job's, in any order; `batchCountMax` bounds what one step starts. Pure: the
 * same rows give the same step, so a runner that died is followed by one that goes on where it was.
 */
export function nextBatch(
  job: Job,
  targets: readonly Target[],
  { at, batchCountMax }: { at: number; batchCountMax: number },
): BulkStep {
  const waiting = inOrder(targets.filter(({ state }) => state === 'WAITING'));
  const stops = job.state === 'ABORTING' || job.state === 'CANCELING';
  const isOver = targets.every(({ state }) => isFinalTarget(state));
  if (!stops) {
    const reason = abortReason(job, targets);
    if (reason) return { do: 'abort', reason };
  }
  if (isOver) return { do: 'finish', state: finalState(job, targets) };
  const ends = stops ? 'SKIPPED' : at >= job.expiresAt ? 'EXPIRED' : undefined;
  if (ends) return waiting.length > 0 ? { do: 'end-waiting', targets: waiting, state: ends } : { do: 'wait' };
  return startStep(job, targets, { at, batchCountMax });
}

export const isFinalTarget = (state: BulkTargetState): boolean =>
  state !== 'WAITING' && state !== 'SUBMITTED';
export const isFailedTarget = (state: BulkTargetState): boolean =>
  (failedTargetStates as readonly BulkTargetState[]).includes(state);

/** How many rows are in which state: never counted up, so that nothing can be counted twice. */
export function countTargets(targets: readonly Target[]): BulkCounts {
  const counts: BulkCounts = {};
  for (const { state } of targets) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}

/** Sums of a job's counts. */
export function totals(counts: BulkCounts): { total: number; final: number; failed: number } {
  const sum = { total: 0, final: 0, failed: 0 };
  for (const [state, count] of Object.entries(counts) as [BulkTargetState, number][]) {
    sum.total += count;
    if (isFinalTarget(state)) sum.final += count;
    if (isFailedTarget(state)) sum.failed += count;
  }
  return sum;
}

function abortReason({ abortAfter }: Job, targets: readonly Target[]): string | undefined {
  if (abortAfter === undefined) return undefined;
  const failed = targets.filter(({ state }) => isFailedTarget(state)).length;
  if (failed === 0 || failed < shareCount(abortAfter, targets.length)) return undefined;
  return `${failed} of ${targets.length} targets failed; it was to abort after ${abortAfter}`;
}

function finalState(
  { state }: Job,
  targets: readonly Target[],
): 'SUCCEEDED' | 'PARTIAL' | 'ABORTED' | 'CANCELED' {
  if (state === 'ABORTING') return 'ABORTED';
  if (state === 'CANCELING') return 'CANCELED';
  return targets.every(({ state: of }) => of === 'SUCCEEDED') ? 'SUCCEEDED' : 'PARTIAL';
}

function startStep(
  job: Job,
  targets: readonly Target[],
  { at, batchCountMax }: { at: number; batchCountMax: number },
): BulkStep {
  const wave = currentWave(job, inOrder(targets));
  const candidates = wave.filter(({ state }) => state === 'WAITING');
  const free = job.concurrency - targets.filter(({ state }) => state === 'SUBMITTED').length;
  const { left, untilMs } = leftOfRate(job, targets, at);
  const count = Math.max(0, Math.min(candidates.length, free, left, batchCountMax));
  if (count > 0) return { do: 'start', targets: candidates.slice(0, count) };
  const waitsForRate = candidates.length > 0 && free > 0 && untilMs !== undefined;
  return waitsForRate ? { do: 'wait', untilMs } : { do: 'wait' };
}

/** All targets up to the end of the first wave that is not over; a wave begins when all before it are final. */
function currentWave({ waves }: Job, ordered: readonly Target[]): readonly Target[] {
  for (const wave of waves) {
    const reached = ordered.slice(0, shareCount(wave, ordered.length));
    if (reached.some(({ state }) => !isFinalTarget(state))) return reached;
  }
  return ordered;
}

/** Starts that the rate still allows, and when it allows the next: no span of `perMs` has more than `count`. */
function leftOfRate(
  { rate }: Job,
  targets: readonly Target[],
  at: number,
): { left: number; untilMs?: number } {
  if (!rate) return { left: Infinity };
  const recent = targets.flatMap(({ startedAt = -Infinity }) =>
    startedAt > at - rate.perMs ? [startedAt] : [],
  );
  if (recent.length < rate.count) return { left: rate.count - recent.length };
  const oldest = recent.sort((a, b) => a - b)[recent.length - rate.count] ?? at;
  return { left: 0, untilMs: oldest + rate.perMs };
}

const inOrder = (targets: readonly Target[]): Target[] =>
  targets.toSorted((a, b) => a.position - b.position || (a.gatewayId < b.gatewayId ? -1 : 1));
