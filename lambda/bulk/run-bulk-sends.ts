import pLimit from 'p-limit';
import { runJob } from './run-job.ts';
import type { BulkRunnerDeps } from './run.ts';

/** Jobs that one run holds at once: the rows of all of them are in memory. */
const jobsAtOnce = 8;
const jobCountMax = 64;

export interface BulkReport {
  jobCount: number;
  failureCount: number;
}

/**
 * One look at every open job, those first that were left longest ago. More than fit at once share the time, so that
 * one tenant's long jobs do not keep another's waiting.
 */
export async function runBulkSends(
  deps: BulkRunnerDeps,
  { deadline, leaseUntil }: { deadline: number; leaseUntil: number },
): Promise<BulkReport> {
  const report: BulkReport = { jobCount: 0, failureCount: 0 };
  const due = await deps.jobs.listOpen(jobCountMax);
  const turns = Math.ceil(due.length / jobsAtOnce);
  const turnMs = (deadline - deps.clock.now()) / Math.max(1, turns);
  const limit = pLimit(jobsAtOnce);
  await Promise.all(
    due.map((bulkId) =>
      limit(async () => {
        const until = Math.min(deadline, deps.clock.now() + turnMs);
        try {
          if (await runJob(deps, bulkId, { deadline: until, leaseUntil })) report.jobCount += 1;
        } catch (cause) {
          // One job's trouble must not keep the others waiting; its lease ends by itself.
          report.failureCount += 1;
          deps.log('error', 'bulk.job-failed', { bulkId, error: String(cause) });
        }
      }),
    ),
  );
  return report;
}
