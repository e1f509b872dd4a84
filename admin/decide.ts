import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { AlertView } from '../core/api.ts';
import { commandKinds } from '../core/command-kinds.ts';
import { finalCommandStates } from '../core/model.ts';
import { typed } from '../core/typed.ts';
import type { Play } from './playbook-schema.ts';

/** One command that was or will be sent for an alert. Written down before it is sent. */
export const trySchema = z.object({
  number: z.number().int().min(1).max(2),
  idempotencyKey: z.string().length(64),
  kind: z.enum(commandKinds),
  params: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  decidedAt: z.number(),
  /** When the alert came to fire that it answers. */
  firedAt: z.number().optional(),
  /** How long the command may wait for its gateway. */
  expiresInMs: z.number().optional(),
  commandId: z.string().optional(),
  /** How it ended; REFUSED: the API did not take it. */
  outcome: z.enum([...finalCommandStates, 'REFUSED']).optional(),
  error: z.string().optional(),
  endedAt: z.number().optional(),
  /** When the alert was seen resolved after it. */
  confirmedAt: z.number().optional(),
});
export type Try = z.infer<typeof trySchema>;

/** What is done about one episode of one alert. `moot`: nothing had to be done. */
export const caseSchema = z.object({
  alertKey: z.string(),
  episode: z.number().int(),
  gatewayId: z.string(),
  conditionId: z.string(),
  component: z.string(),
  phase: z.enum(['open', 'confirmed', 'moot', 'escalated']),
  reason: z.string().optional(),
  /** What it waits for before the next try; `blockedSince`: since when the play's preconditions were first found unmet. */
  waiting: z.object({ reason: z.string(), blockedSince: z.number().optional() }).optional(),
  updatedAt: z.number(),
  tries: z.array(trySchema).max(2),
});
export type Case = z.infer<typeof caseSchema>;

export const caseKey = ({ alertKey, episode }: { alertKey: string; episode: number }): string =>
  `${alertKey}#${episode}`;

/** True while its newest try has no outcome yet, or a success whose effect is awaited. */
export function isUnderWay({ tries }: Pick<Case, 'tries'>): boolean {
  const last = tries.at(-1);
  if (!last) return false;
  return last.outcome === undefined || (last.outcome === 'SUCCEEDED' && last.confirmedAt === undefined);
}

/** The same try of the same episode always has the same key, so that a repetition is no second command. */
export const idempotencyKeyOf = (alertKey: string, episode: number, number: number): string =>
  createHash('sha256')
    .update(JSON.stringify([alertKey, episode, number]))
    .digest('hex');

export type Decision =
  /** Send the try (again, under its key) and see it to its end. */
  | { do: 'follow'; attempt: Try }
  | { do: 'act'; number: number }
  /**
   * Nothing to do before then but to look at the alert. Without a reason it waits for what the last try brings;
   * `isBlocked`: for what the play demands.
   */
  | { do: 'wait'; until: number; reason?: string; isBlocked?: boolean }
  | { do: 'close'; phase: 'confirmed' | 'moot' | 'escalated'; reason: string };

/**
 * What to do next about a case. `alert` is what the API says now; undefined: there is no such alert.
 * `lastTryAt`: the newest try for the same alert in earlier episodes.
 */
export function decide(
  { episode, tries }: Pick<Case, 'episode' | 'tries'>,
  alert: AlertView | undefined,
  play: Play | undefined,
  now: number,
  lastTryAt = -Infinity,
): Decision {
  const last = tries.at(-1);
  // What was begun is seen to its end first, whatever became of the alert.
  if (last && last.outcome === undefined) return { do: 'follow', attempt: last };
  if (!alert || alert.episode !== episode || alert.state === 'RESOLVED' || alert.state === 'OK')
    return over(last, alert);
  if (!play) return moot('no play of the playbook is for it');
  if (last?.outcome === 'INDETERMINATE') return escalate('nobody knows whether the command took effect');
  if (last?.outcome === 'SUCCEEDED' && last.confirmedAt === undefined) {
    if (play.purpose === 'evidence')
      return escalate(
        `${last.kind} succeeded: a person has to look at what it brought${lookAt(last, alert)}`,
      );
    const until = (last.endedAt ?? last.decidedAt) + play.confirmWithinMs;
    if (now < until) return { do: 'wait', until };
  }
  if (alert.state === 'ACKED')
    return last
      ? escalate('it was not solved, and a person acknowledged the alert')
      : moot('a person acknowledged it');
  // It may be over: what answers a loss would undo what is well again.
  if (alert.clearSince !== undefined) return { do: 'wait', until: now, reason: 'it reads well again' };
  if (tries.length >= play.maxTries) return escalate(unsolved(tries));
  const calmAt = Math.max(lastTryAt, last?.endedAt ?? -Infinity) + play.cooldownMs;
  if (now < calmAt) return { do: 'wait', until: calmAt, reason: 'the cooldown' };
  // Nobody knows how the gateway is: its facts may have changed since.
  if (alert.state !== 'FIRING') return { do: 'wait', until: now, reason: `the alert is ${alert.state}` };
  return { do: 'act', number: tries.length + 1 };
}

/** The alert was seen over. What a status resolved after a command that failed was not healed by it. */
function over(last: Try | undefined, alert: AlertView | undefined): Decision {
  if (last?.outcome === 'SUCCEEDED')
    return { do: 'close', phase: 'confirmed', reason: 'a later status resolved the alert' };
  if (last) return moot(`the alert is over, though ${last.kind} ended ${last.outcome}`);
  return moot(alert ? 'the alert is over' : 'there is no such alert');
}

/** What shows it. */
function lookAt({ kind, commandId }: Try, { gatewayId }: AlertView): string {
  if (commandId === undefined) return '';
  const line =
    kind === 'diagnostics.collect'
      ? `gateways diagnose ${gatewayId} --command ${commandId}`
      : `commands show ${gatewayId} ${commandId}`;
  return `: \`${typed(`holdfast ${line}`)}\``;
}

const moot = (reason: string): Decision => ({ do: 'close', phase: 'moot', reason });
const escalate = (reason: string): Decision => ({ do: 'close', phase: 'escalated', reason });

function unsolved(tries: readonly Try[]): string {
  const [first] = tries;
  const ends = tries.map(({ outcome, error }) =>
    outcome === 'SUCCEEDED'
      ? 'succeeded and changed nothing in time'
      : `${outcome}${error ? ` (${error})` : ''}`,
  );
  return `${first?.kind} did not solve it: ${ends.join(', then ')}`;
}
