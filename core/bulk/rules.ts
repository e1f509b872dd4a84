import { absent, all, any, equal, less, type GuardedUpdate } from '../routes/guarded-update.ts';
import type { BulkCounts, BulkJobItem, BulkState, BulkTargetItem, FinalTargetState } from './model.ts';

/**
 * The writes on a job and on its targets. Each is one conditional write on one item. Targets are written only by the
 * run that holds the job's lease; a lease ends after the run that took it, so no two runs write at once.
 */

/** Takes the job for one run. Repeatable by its owner. */
export const takeLease = (owner: string, now: { at: number; untilMs: number }): GuardedUpdate => ({
  when: all(
    equal('openShard', openShard),
    any(absent('lease'), less('lease.until', now.at), equal('lease.owner', owner)),
  ),
  set: { lease: { owner, until: now.untilMs } },
});

/** Gives it back behind the jobs that wait longer. */
export const releaseLease = (owner: string, at: number): GuardedUpdate => ({
  when: all(equal('openShard', openShard), equal('lease.owner', owner)),
  set: { dueAt: at },
  remove: ['lease'],
});

/** PREPARING → RUNNING: every target has its row. */
export const begin = (owner: string, counts: BulkCounts, at: number): GuardedUpdate => ({
  when: all(equal('state', 'PREPARING'), equal('lease.owner', owner)),
  set: { state: 'RUNNING', counts, startedAt: at },
  remove: ['gatewayIds'],
});

/** No more starts; what was there to be prepared is not any more. */
export const abort = (owner: string, reason: string): GuardedUpdate => ({
  when: all(any(equal('state', 'PREPARING'), equal('state', 'RUNNING')), equal('lease.owner', owner)),
  set: { state: 'ABORTING', reason },
  remove: ['gatewayIds'],
});

/** Asked for by a person, at any time before the job stops by itself. */
export const cancel = (reason: string): GuardedUpdate => ({
  when: any(equal('state', 'PREPARING'), equal('state', 'RUNNING')),
  set: { state: 'CANCELING', reason },
  remove: ['gatewayIds'],
});

/** What the rows say now. */
export const showCounts = (owner: string, counts: BulkCounts): GuardedUpdate => ({
  when: all(equal('openShard', openShard), equal('lease.owner', owner)),
  set: { counts },
});

/** The end, from the state that it was decided in: a job that is canceled meanwhile ends as canceled. */
export const finish = (
  owner: string,
  from: BulkState,
  to: { state: BulkState; counts: BulkCounts; at: number },
): GuardedUpdate => ({
  when: all(equal('state', from), equal('lease.owner', owner)),
  set: { state: to.state, counts: to.counts, endedAt: to.at },
  remove: ['openShard', 'dueAt', 'lease'],
});

/** WAITING → SUBMITTED, before the command is submitted: a crash in between leaves a place taken, never one too many. */
export const startTarget = (commandId: string, at: number): GuardedUpdate => ({
  when: equal('state', 'WAITING'),
  set: { state: 'SUBMITTED', commandId, startedAt: at },
});

/** SUBMITTED → WAITING: there is no command, so nothing was started. */
export const unstartTarget = (): GuardedUpdate => ({
  when: equal('state', 'SUBMITTED'),
  set: { state: 'WAITING' },
  remove: ['commandId'],
});

/** Into a final state, once. `hasCommand`: false where none came to be. */
export const endTarget = (
  from: 'WAITING' | 'SUBMITTED',
  to: { state: FinalTargetState; at: number; reason?: string; hasCommand: boolean },
): GuardedUpdate => ({
  when: equal('state', from),
  set: {
    state: to.state,
    endedAt: to.at,
    ...(to.reason === undefined ? {} : { reason: to.reason.slice(0, reasonLengthMax) }),
  },
  remove: to.hasCommand ? [] : ['commandId'],
});

export const newTarget = (bulkId: string, gatewayId: string, position: number): BulkTargetItem => ({
  bulkId,
  gatewayId,
  position,
  state: 'WAITING',
});

/** One shard: few jobs are open at once. */
export const openShard = '0' satisfies BulkJobItem['openShard'];
const reasonLengthMax = 300;
