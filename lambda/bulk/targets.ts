import pLimit from 'p-limit';
import type { BulkJobItem, BulkTargetItem, FinalTargetState } from '../../core/bulk/model.ts';
import { endTarget, startTarget, unstartTarget } from '../../core/bulk/rules.ts';
import { bulkCommandId, bulkKey } from '../../core/bulk/submission.ts';
import { transition } from '../../core/commands/machine.ts';
import { isFinal, isUnacked } from '../../core/commands/states.ts';
import { asHoldfastError, type ErrorCode, type HoldfastError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { CommandItem } from '../../core/model.ts';
import { errorFields } from '../aws/invocation.ts';
import { submitCommand } from '../commands/command-service.ts';
import { perform } from '../commands/delivery.ts';
import { concurrentWrites, keep, type BulkRun, type BulkRunnerDeps } from './run.ts';

type Rows = Map<string, BulkTargetItem>;

/** What no later try would change; everything else is tried again until the job expires. */
const refusals: Partial<Record<ErrorCode, FinalTargetState>> = {
  OFFLINE: 'UNREACHABLE',
  GONE: 'UNREACHABLE',
  NOT_FOUND: 'UNREACHABLE',
  CONFLICT: 'REJECTED',
  INVALID_INPUT: 'REJECTED',
  TOO_LARGE: 'REJECTED',
};

/** Submits to each; first its row says so. False where some could not be submitted for a reason of ours. */
export async function startTargets(
  deps: BulkRunnerDeps,
  run: BulkRun,
  job: BulkJobItem,
  rows: Rows,
  targets: readonly BulkTargetItem[],
): Promise<boolean> {
  const limit = pLimit(concurrentWrites);
  const ways = await Promise.all(targets.map((row) => limit(() => startOne(deps, run, job, rows, row))));
  return !ways.includes('hindered');
}

/** `hindered`: whether there is a command is not known, and it is no fault of the target's. */
type Way = 'clear' | 'hindered';

async function startOne(
  deps: BulkRunnerDeps,
  run: BulkRun,
  job: BulkJobItem,
  rows: Rows,
  row: BulkTargetItem,
): Promise<Way> {
  const { gatewayId } = row;
  const at = deps.clock.now();
  const started = await deps.targets.update(row, startTarget(bulkCommandId(job, gatewayId), at));
  if (!keep(run, rows, started)) return 'clear';
  try {
    await submitCommand(
      deps,
      { principal: job.submittedBy, tenantId: job.tenantId, from: job.from },
      gatewayId,
      {
        kind: job.kind,
        params: job.params as Parameters<typeof submitCommand>[3]['params'],
        idempotencyKey: bulkKey(job.bulkId),
        whenOffline: job.whenOffline,
        expiresInMs: Math.max(limits.commandExpiryMinMs, job.expiresAt - at),
      },
    );
    return 'clear';
  } catch (thrown) {
    return refused(deps, run, rows, started, asHoldfastError(thrown));
  }
}

async function refused(
  deps: BulkRunnerDeps,
  run: BulkRun,
  rows: Rows,
  row: BulkTargetItem,
  error: HoldfastError,
): Promise<Way> {
  const { bulkId, gatewayId } = row;
  const state = refusals[error.code];
  if (!state) {
    // Whether there is a command is seen when the row is looked at next.
    deps.log('error', 'bulk.submit-failed', { bulkId, gatewayId, ...errorFields(error) });
    return 'hindered';
  }
  const hasCommand = (await commandOf(deps, row)) !== undefined;
  const reason = `${error.code}: ${error.message}`;
  const ended = endTarget('SUBMITTED', { state, at: deps.clock.now(), reason, hasCommand });
  keep(run, rows, await deps.targets.update(row, ended));
  return 'clear';
}

/** Takes over what became of the commands. Of a job that stops, those that no gateway has yet are canceled. */
export async function observe(
  deps: BulkRunnerDeps,
  run: BulkRun,
  job: BulkJobItem,
  rows: Rows,
): Promise<void> {
  const limit = pLimit(concurrentWrites);
  const submitted = [...rows.values()].filter(({ state }) => state === 'SUBMITTED');
  await Promise.all(
    submitted.map((row) =>
      limit(async () => {
        if (deps.clock.now() < run.deadline) await observeOne(deps, run, job, rows, row);
      }),
    ),
  );
}

async function observeOne(
  deps: BulkRunnerDeps,
  run: BulkRun,
  job: BulkJobItem,
  rows: Rows,
  row: BulkTargetItem,
): Promise<void> {
  let command = await commandOf(deps, row);
  if (!command) {
    keep(run, rows, await deps.targets.update(row, unstartTarget()));
    return;
  }
  if (job.state !== 'RUNNING' && isUnacked(command)) command = await cancelUnacked(deps, job, command);
  if (!isFinal(command.state)) return;
  const { error } = command.outcome ?? {};
  const ended = endTarget('SUBMITTED', {
    state: command.state as FinalTargetState,
    at: command.endedAt ?? deps.clock.now(),
    reason: error && `${error.code}: ${error.message}`,
    hasCommand: true,
  });
  keep(run, rows, await deps.targets.update(row, ended));
}

/** As it is afterwards. One that its gateway took meanwhile goes on; one that merely moved is met in the next round. */
async function cancelUnacked(
  deps: BulkRunnerDeps,
  { bulkId }: BulkJobItem,
  command: CommandItem,
): Promise<CommandItem> {
  const by = `bulk send ${bulkId}`;
  const { next, effects } = transition(command, { type: 'cancel', at: deps.clock.now(), by });
  if (!next || !(await deps.commands.replace(next))) return command;
  await perform(deps, next, effects);
  return next;
}

const commandOf = (deps: BulkRunnerDeps, { gatewayId, commandId }: BulkTargetItem) =>
  commandId === undefined ? Promise.resolve(undefined) : deps.commands.get(gatewayId, commandId);
