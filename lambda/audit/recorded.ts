import type { AuditedFacts } from '../../core/audit/actions.ts';
import { auditEntry } from '../../core/audit/entry.ts';
import { asHoldfastError, errorCodes, HoldfastError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { AuditItem, RequestSource } from '../../core/audit/audit-item.ts';
import { errorFields } from '../aws/invocation.ts';
import type { AuditTrail } from './trail.ts';

export interface RecordingDeps {
  readonly trail: AuditTrail;
  readonly now: () => number;
  readonly log: Log;
}
export interface AuditAsk extends AuditedFacts {
  readonly tenantId: string;
  readonly action: string;
  readonly actor: AuditItem['actor'];
  readonly from: RequestSource;
}

/**
 * Makes a change that is on record before it is made: where the entry cannot be written, nothing is changed
 * (UNAVAILABLE). What became of it follows as a second entry of the same time; where that one fails, the first stays
 * and is shown as UNKNOWN. `facts`: what only the answer says.
 */
export async function recorded<T>(
  deps: RecordingDeps,
  ask: AuditAsk,
  change: () => Promise<T>,
  facts: (answer: T) => AuditedFacts = () => ({}),
): Promise<T> {
  const at = deps.now();
  await appendAsked(deps, ask, at);
  let answer: T;
  try {
    answer = await change();
  } catch (thrown) {
    await appendEnded(deps, ask, at, outcomeOf(thrown));
    throw thrown;
  }
  await appendEnded(deps, merged(ask, facts(answer)), at, { state: 'DONE' });
  return answer;
}

/** A change that was refused to who asked for it, before anything was begun. */
export const recordRefusal = (deps: RecordingDeps, ask: AuditAsk, thrown: unknown): Promise<void> =>
  appendEnded(deps, ask, deps.now(), outcomeOf(thrown));

async function appendAsked({ trail }: RecordingDeps, ask: AuditAsk, at: number): Promise<void> {
  try {
    await trail.append(entryOf(ask, at, { step: 'asked' }));
  } catch (cause) {
    throw trailIsShut(cause);
  }
}

/** The change has been made, or refused: what fails here must not tell its caller otherwise. */
async function appendEnded(
  { trail, log }: RecordingDeps,
  ask: AuditAsk,
  at: number,
  outcome: AuditItem['outcome'],
): Promise<void> {
  try {
    await trail.append(entryOf(ask, at, { step: 'ended', outcome }));
  } catch (thrown) {
    const { action, from, tenantId } = ask;
    const { state, code } = outcome ?? {};
    log('error', 'audit.end-lost', {
      action,
      tenantId,
      about: from.requestId,
      state,
      code,
      ...errorFields(thrown),
    });
  }
}

const entryOf = (ask: AuditAsk, at: number, step: Pick<AuditItem, 'step' | 'outcome'>): AuditItem =>
  auditEntry({ ...ask, subject: ask.subject ?? {}, at, about: ask.from.requestId, ...step });

const merged = (ask: AuditAsk, { gatewayId, subject, details }: AuditedFacts): AuditAsk => ({
  ...ask,
  gatewayId: gatewayId ?? ask.gatewayId,
  subject: { ...ask.subject, ...subject },
  ...(ask.details || details ? { details: { ...ask.details, ...details } } : {}),
});

function outcomeOf(thrown: unknown): NonNullable<AuditItem['outcome']> {
  const { code } = asHoldfastError(thrown);
  return { state: errorCodes[code].http < 500 ? 'REFUSED' : 'FAILED', code };
}

/** Whoever cannot put a change on record does not make it. */
export const trailIsShut = (cause: unknown): HoldfastError =>
  new HoldfastError('UNAVAILABLE', 'the audit trail cannot be written, so nothing was changed', {
    hint: 'try again',
    cause,
  });
