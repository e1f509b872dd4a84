import pLimit from 'p-limit';
import { countTargets, nextBatch, type BulkStep } from '../../core/bulk/decide.ts';
import type { BulkJobItem, BulkTargetItem } from '../../core/bulk/model.ts';
import { abort, endTarget, finish, releaseLease, showCounts, takeLease } from '../../core/bulk/rules.ts';
import { prepare } from './prepare.ts';
import { batchCountMax, concurrentWrites, keep, type BulkRun, type BulkRunnerDeps } from './run.ts';
import { observe, startTargets } from './targets.ts';

const idleMinMs = 1_000;
const idleMaxMs = 8_000;

/**
 * Works on one job until it ends or the deadline comes. `leaseUntil`: when this run is over even if it hangs; another
 * run may take the job from then on. False where another run holds it.
 */
export async function runJob(
  deps: BulkRunnerDeps,
  bulkId: string,
  { deadline, leaseUntil }: { deadline: number; leaseUntil: number },
): Promise<boolean> {
  const owner = deps.clock.newId();
  const lease = takeLease(owner, { at: deps.clock.now(), untilMs: leaseUntil });
  if (!(await deps.jobs.update(bulkId, lease))) return false;
  const run: BulkRun = { owner, bulkId, deadline, rows: undefined };
  let idleMs = idleMinMs;
  while (deps.clock.now() < deadline) {
    const round = await runRound(deps, run);
    if (round === 'over') return true;
    if (round === 'changed') {
      idleMs = idleMinMs;
      continue;
    }
    const { untilMs = Infinity } = round === 'hindered' ? {} : round;
    const ms = Math.max(1, Math.min(untilMs - deps.clock.now(), idleMs));
    if (deps.clock.now() + ms >= deadline) break;
    await deps.wait(ms);
    idleMs = Math.min(idleMs * 2, idleMaxMs);
  }
  await deps.jobs.update(bulkId, releaseLease(owner, deps.clock.now()));
  return true;
}

/** `hindered`: a store or a cell does not do what it should; tried again at once it would hear the same. */
type Round = 'over' | 'changed' | 'hindered' | { untilMs?: number };

/** Reads the job again, so that a cancel is seen before the next start; then what became of its commands; then a step. */
async function runRound(deps: BulkRunnerDeps, run: BulkRun): Promise<Round> {
  const job = await deps.jobs.get(run.bulkId);
  if (job?.lease?.owner !== run.owner) return 'over';
  const rows = (run.rows ??= new Map(
    (await deps.targets.list(run.bulkId)).map((row) => [row.gatewayId, row]),
  ));
  if (job.state === 'PREPARING') return (await prepare(deps, run, job, rows)) ? 'changed' : {};
  const before = JSON.stringify(countTargets([...rows.values()]));
  await observe(deps, run, job, rows);
  const step = nextBatch(job, [...rows.values()], { at: deps.clock.now(), batchCountMax });
  const round = await take(deps, run, job, rows, step);
  if (round === 'over') return round;
  const counts = countTargets([...rows.values()]);
  const hasMoved = JSON.stringify(counts) !== before;
  if (JSON.stringify(counts) !== JSON.stringify(job.counts))
    await deps.jobs.update(run.bulkId, showCounts(run.owner, counts));
  return hasMoved && round !== 'hindered' ? 'changed' : round;
}

async function take(
  deps: BulkRunnerDeps,
  run: BulkRun,
  job: BulkJobItem,
  rows: Map<string, BulkTargetItem>,
  step: BulkStep,
): Promise<Round> {
  const { owner, bulkId } = run;
  const at = deps.clock.now();
  switch (step.do) {
    case 'wait':
      return step;
    case 'start':
      return (await startTargets(deps, run, job, rows, step.targets)) ? 'changed' : 'hindered';
    case 'end-waiting':
      await endWaiting(deps, run, rows, step);
      return 'changed';
    case 'abort':
      await deps.jobs.update(bulkId, abort(owner, step.reason));
      deps.log('warn', 'bulk.aborted', { bulkId, reason: step.reason });
      return 'changed';
    case 'finish': {
      const counts = countTargets([...rows.values()]);
      const done = await deps.jobs.update(
        bulkId,
        finish(owner, job.state, { state: step.state, counts, at }),
      );
      if (!done) return 'changed';
      deps.log('info', 'bulk.finished', { bulkId, state: step.state });
      return 'over';
    }
  }
}

async function endWaiting(
  deps: BulkRunnerDeps,
  run: BulkRun,
  rows: Map<string, BulkTargetItem>,
  { targets, state }: Extract<BulkStep, { do: 'end-waiting' }>,
): Promise<void> {
  const limit = pLimit(concurrentWrites);
  const reason = state === 'SKIPPED' ? 'the bulk send was stopped' : 'it was not started in time';
  await Promise.all(
    targets.map((row) =>
      limit(async () => {
        const at = deps.clock.now();
        if (at >= run.deadline) return;
        keep(
          run,
          rows,
          await deps.targets.update(row, endTarget('WAITING', { state, at, reason, hasCommand: false })),
        );
      }),
    ),
  );
}
