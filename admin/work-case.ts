import type { AlertView, CommandView } from '../core/api.ts';
import { asHoldfastError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { finalCommandStates } from '../core/model.ts';
import { isDefinite, type AdminApi } from './admin-api.ts';
import type { CaseStore } from './case-book.ts';
import { caseKey, decide, idempotencyKeyOf, type Case, type Decision, type Try } from './decide.ts';
import { commandFor, playFor, type Playbook } from './playbook.ts';

export interface CaseDeps {
  api: AdminApi;
  book: CaseStore;
  playbook: Playbook;
  now: () => number;
  /** Resolves after `ms`, rejects when the process stops. */
  sleep: (ms: number) => Promise<void>;
  log: Log;
  pollMs: PollIntervals;
}
export interface PollIntervals {
  /** Between two looks at a command that runs. */
  command: number;
  /** Between two looks at an alert. */
  alert: number;
  /** After a failure of the API. */
  retry: number;
}
export const defaultPollMs: PollIntervals = { command: 2_000, alert: 15_000, retry: 5_000 };

/** True once the case no longer needs its message: it is closed, or its newest command ended and awaits its effect. */
export function isSettled({ phase, tries }: Case): boolean {
  const last = tries.at(-1);
  return phase !== 'open' || (last?.outcome !== undefined && last.confirmedAt === undefined);
}

/**
 * Works on a case until it is closed. Each decision is written down before its effect, so that this can be stopped
 * anywhere and begun again: a try that was sent is sent again under the same key, which the API answers with the same
 * command. `onChange` is called after each change that was written.
 */
export async function workCase(deps: CaseDeps, start: Case, onChange: (one: Case) => void): Promise<Case> {
  let current = start;
  const change = async (to: Partial<Case>): Promise<void> => {
    current = { ...current, ...to, updatedAt: deps.now() };
    await deps.book.put(current);
    onChange(current);
  };
  const changeTry = (to: Partial<Try>): Promise<void> =>
    change({ tries: current.tries.map((one, i, all) => (i === all.length - 1 ? { ...one, ...to } : one)) });

  while (current.phase === 'open') {
    const alert = await readAlert(deps, current.alertKey);
    const play = alert && playFor(deps.playbook, alert);
    const lastTryAt = deps.book.lastTryAt(current.alertKey, current.episode);
    const decision = decide(current, alert, play, deps.now(), lastTryAt);
    if (decision.do === 'wait') await deps.sleep(waitMs(deps, decision));
    else if (decision.do === 'close') await close(decision);
    else if (decision.do === 'follow') await follow(decision.attempt);
    else if (alert && play) await act(alert, decision.number, () => commandFor(play, alert));
  }
  return current;

  async function act(
    alert: AlertView,
    number: number,
    plan: () => ReturnType<typeof commandFor>,
  ): Promise<void> {
    let planned: ReturnType<typeof commandFor>;
    try {
      planned = plan();
    } catch (thrown) {
      return close({ do: 'close', phase: 'escalated', reason: asHoldfastError(thrown).message });
    }
    const idempotencyKey = idempotencyKeyOf(alert.alertKey, alert.episode, number);
    const attempt: Try = { number, idempotencyKey, ...planned, decidedAt: deps.now() };
    // The gateway that the API names, not the message.
    const { gatewayId, conditionId, component } = alert;
    await change({ gatewayId, conditionId, component, tries: [...current.tries, attempt] });
    deps.log('info', 'admin.decided', { ...idsOf(current), number, kind: planned.kind });
  }

  async function follow(attempt: Try): Promise<void> {
    try {
      const command = attempt.commandId
        ? await deps.api.getCommand(current.gatewayId, attempt.commandId)
        : await submit(attempt);
      const { commandId, state } = command;
      const ended = finalCommandStates.find((final) => final === state);
      if (!ended) return await deps.sleep(deps.pollMs.command);
      const error =
        command.outcome?.error && `${command.outcome.error.code}: ${command.outcome.error.message}`;
      await changeTry({ outcome: ended, error, endedAt: deps.now() });
      deps.log('info', 'admin.command_ended', { ...idsOf(current), commandId, state, error });
    } catch (thrown) {
      if (!isDefinite(thrown)) return retryLater(deps, thrown, current);
      await changeTry({
        outcome: 'REFUSED',
        error: `${thrown.code}: ${thrown.message}`,
        endedAt: deps.now(),
      });
      deps.log('warn', 'admin.refused', { ...idsOf(current), code: thrown.code, message: thrown.message });
    }
  }

  async function submit({ kind, params, idempotencyKey }: Try): Promise<CommandView> {
    const { gatewayId, alertKey, episode } = current;
    const body = { kind, params, idempotencyKey, cause: { alertKey, episode } };
    const command = await deps.api.submitCommand(gatewayId, body);
    await changeTry({ commandId: command.commandId });
    deps.log('info', 'admin.submitted', { ...idsOf(current), commandId: command.commandId, kind });
    return command;
  }

  async function close({ phase, reason }: Extract<Decision, { do: 'close' }>): Promise<void> {
    const tries = current.tries.map((one) =>
      phase === 'confirmed' ? { confirmedAt: deps.now(), ...one } : one,
    );
    // Where nothing was done there is nothing to remember: forged messages leave no trace in the book.
    if (phase === 'moot' && tries.length === 0) current = { ...current, phase, reason };
    else await change({ phase, reason, tries });
    deps.log(phase === 'escalated' ? 'error' : 'info', `admin.${phase}`, { ...idsOf(current), reason });
  }
}

/** The alert as the API has it: what a message says is only a reason to look. Undefined: there is none. */
async function readAlert(deps: CaseDeps, alertKey: string): Promise<AlertView | undefined> {
  for (;;) {
    try {
      return await deps.api.getAlert(alertKey);
    } catch (thrown) {
      if (isDefinite(thrown) && thrown.code === 'NOT_FOUND') return undefined;
      await retryLater(deps, thrown, { alertKey });
    }
  }
}

function retryLater(deps: CaseDeps, thrown: unknown, ids: { alertKey: string }): Promise<void> {
  const { code, message } = asHoldfastError(thrown);
  deps.log('warn', 'admin.api_failed', { alertKey: ids.alertKey, code, message });
  return deps.sleep(deps.pollMs.retry);
}

const waitMs = (deps: CaseDeps, { until }: { until: number }): number => {
  const left = until - deps.now();
  return left > 0 ? Math.min(left, deps.pollMs.alert) : deps.pollMs.alert;
};

const idsOf = ({ alertKey, episode, gatewayId, conditionId, component }: Case) => ({
  case: caseKey({ alertKey, episode }),
  gatewayId,
  conditionId,
  component,
});
