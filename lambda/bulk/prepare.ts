import pLimit from 'p-limit';
import { bulkLimits } from '../../core/bulk/api.ts';
import { countTargets } from '../../core/bulk/decide.ts';
import type { BulkJobItem, BulkTargetItem } from '../../core/bulk/model.ts';
import { abort, begin, newTarget } from '../../core/bulk/rules.ts';
import { concurrentWrites, type BulkRun, type BulkRunnerDeps } from './run.ts';

/**
 * Writes the rows that are missing, then begins the job. A run that dies before that is followed by one that writes
 * the rest. False where the time is over first.
 */
export async function prepare(
  deps: BulkRunnerDeps,
  run: BulkRun,
  job: BulkJobItem,
  rows: ReadonlyMap<string, BulkTargetItem>,
): Promise<boolean> {
  const chosen = await chosenTargets(deps, job);
  const problem = chosen.length > bulkLimits.targetCount ? tooMany : chosen.length === 0 ? tooFew : undefined;
  if (problem) {
    await deps.jobs.update(job.bulkId, abort(run.owner, problem));
    return true;
  }
  const limit = pLimit(concurrentWrites);
  const missing = chosen.filter(({ gatewayId }) => !rows.has(gatewayId));
  const isLate = () => deps.clock.now() >= run.deadline;
  await Promise.all(missing.map((row) => limit(() => (isLate() ? undefined : deps.targets.create(row)))));
  run.rows = undefined;
  if (isLate()) return false;
  const written = await deps.targets.list(job.bulkId);
  await deps.jobs.update(job.bulkId, begin(run.owner, countTargets(written), deps.clock.now()));
  deps.log('info', 'bulk.started', { bulkId: job.bulkId, targetCount: written.length });
  return true;
}

/** At most one more than may be. */
async function chosenTargets(deps: BulkRunnerDeps, job: BulkJobItem): Promise<BulkTargetItem[]> {
  if (job.gatewayIds) return job.gatewayIds.map((gatewayId, i) => newTarget(job.bulkId, gatewayId, i));
  const chosen: BulkTargetItem[] = [];
  for await (const gatewayId of deps.select(job.tenantId, job.select)) {
    chosen.push(newTarget(job.bulkId, gatewayId, 0));
    if (chosen.length > bulkLimits.targetCount) break;
  }
  return chosen;
}

const tooMany = `it would reach more than ${bulkLimits.targetCount} gateways`;
const tooFew = 'no active gateway was chosen';
