import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { AlertView } from '../core/api.ts';
import { commandKinds } from '../core/command-kinds.ts';
import { finalCommandStates } from '../core/model.ts';
import type { Play } from './playbook.ts';

/** One command that was or will be sent for an alert. Written down before it is sent. */
export const trySchema = z.object({
  number: z.number().int().min(1).max(2),
  idempotencyKey: z.string().length(64),
  kind: z.enum(commandKinds),
  params: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  decidedAt: z.number(),
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
  updatedAt: z.number(),
  tries: z.array(trySchema).max(2),
});
export type Case = z.infer<typeof caseSchema>;

export const caseKey = ({ alertKey, episode }: { alertKey: string; episode: number }): string =>
  `${alertKey}#${episode}`;

/** The same try of the same episode always has the same key, so that a repetition is no second command. */
export const idempotencyKeyOf = (alertKey: string, episode: number, number: number): string =>
  createHash('sha256')
    .update(JSON.stringify([alertKey, episode, number]))
    .digest('hex');

export type Decision =
  /** Send the try (again, under its key) and see it to its end. */
  | { do: 'follow'; attempt: Try }
  | { do: 'act'; number: number }
  /** Nothing to do before then but to look at the alert. */
  | { do: 'wait'; until: number; forConfirmation: boolean }
  | { do: 'close'; phase: 'confirmed' | 'moot' | 'escalated'; reason: string };

/**
 * What to do next about a case. `alert` is what the API says now; undefined: there is no such alert.
 * `lastTryAt`: the newest try for the same alert in earlier episodes.
 */
export function decide(
  { episode, tries }: Case,
  alert: AlertView | undefined,
  play: Play | undefined,
  now: number,
  lastTryAt = -Infinity,
): Decision {
  const last = tries.at(-1);
  // What was begun is seen to its end first, whatever became of the alert.
  if (last && last.outcome === undefined) return { do: 'follow', attempt: last };
  const isOver = !alert || alert.episode !== episode || alert.state === 'RESOLVED' || alert.state === 'OK';
  if (isOver)
    return last
      ? { do: 'close', phase: 'confirmed', reason: 'a later status resolved the alert' }
      : { do: 'close', phase: 'moot', reason: alert ? 'the alert is over' : 'there is no such alert' };
  if (!play) return { do: 'close', phase: 'moot', reason: 'no play of the playbook is for it' };
  if (last?.outcome === 'INDETERMINATE') return escalate('nobody knows whether the command took effect');
  if (last?.outcome === 'SUCCEEDED' && last.confirmedAt === undefined) {
    const until = (last.endedAt ?? last.decidedAt) + play.confirmWithinMs;
    if (now < until) return { do: 'wait', until, forConfirmation: true };
  }
  if (alert.state === 'ACKED')
    return last
      ? escalate('it was not solved, and a person acknowledged the alert')
      : { do: 'close', phase: 'moot', reason: 'a person acknowledged it' };
  if (tries.length >= play.maxTries)
    return escalate(`${tries.length} ${tries.length === 1 ? 'try' : 'tries'} did not solve it`);
  const calmAt = Math.max(lastTryAt, last?.endedAt ?? -Infinity) + play.cooldownMs;
  if (now < calmAt) return { do: 'wait', until: calmAt, forConfirmation: false };
  // Nobody knows how the gateway is: its facts may have changed since.
  if (alert.state !== 'FIRING') return { do: 'wait', until: now, forConfirmation: false };
  return { do: 'act', number: tries.length + 1 };
}

const escalate = (reason: string): Decision => ({ do: 'close', phase: 'escalated', reason });
