import type { AlertView, CommandView } from '../core/api.ts';
import { asHoldfastError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Log } from '../core/log.ts';
import { finalCommandStates } from '../core/model.ts';
import { durationText } from '../core/readable.ts';
import { isDefinite, type AdminApi } from './admin-api.ts';
import type { CaseStore } from './case-book.ts';
import {
  caseKey,
  decide,
  idempotencyKeyOf,
  isUnderWay,
  type Case,
  type Decision,
  type Try,
} from './decide.ts';
import { commandFor, type PlannedCommand } from './playbook.ts';
import type { Play, Playbook } from './playbook-schema.ts';
import { unmetOf } from './preconditions.ts';
import { persistently, readAlert, readFacts, readPlay } from './read-facts.ts';

export interface CaseDeps {
  api: AdminApi;
  book: CaseStore;
  playbook: Playbook;
  now: () => number;
  /** Resolves after `ms`, rejects when the process stops. */
  sleep: (ms: number) => Promise<void>;
  log: Log;
  pollMs: PollIntervals;
  /** True: a case that has to wait is left as it is, for the next process. */
  once?: boolean;
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
/** What the API keeps of a reason. */
const reasonCharsMax = 500;

/** True once the case no longer needs its message: it is closed, or waits, and the book has what it waits for. */
export function isSettled(one: Case): boolean {
  const last = one.tries.at(-1);
  return (
    one.phase !== 'open' || one.waiting !== undefined || (isUnderWay(one) && last?.outcome !== undefined)
  );
}

/**
 * Works on a case until it is closed, or `once` until it has to wait. Each decision is written down before its effect,
 * so that this can be stopped anywhere and begun again: a try that was sent is sent again under the same key, which the
 * API answers with the same command. `onChange` is called after each change that was written.
 */
export function workCase(deps: CaseDeps, start: Case, onChange: (one: Case) => void): Promise<Case> {
  return new CaseWork(deps, start, onChange).run();
}

class CaseWork {
  readonly #deps: CaseDeps;
  readonly #onChange: (one: Case) => void;
  #case: Case;

  constructor(deps: CaseDeps, start: Case, onChange: (one: Case) => void) {
    this.#deps = deps;
    this.#case = start;
    this.#onChange = onChange;
  }

  async run(): Promise<Case> {
    const { book, now, once } = this.#deps;
    let isResting = false;
    while (this.#case.phase === 'open' && !isResting) {
      const { alertKey, episode } = this.#case;
      const alert = await readAlert(this.#deps, alertKey);
      const play = alert && (await readPlay(this.#deps, alert));
      const decided = decide(this.#case, alert, play, now(), book.lastTryAt(alertKey, episode));
      const next =
        decided.do === 'act' && alert && play ? await this.#act(alert, play, decided.number) : decided;
      if (next?.do === 'close') await this.#close(next);
      else if (next?.do === 'follow') isResting = await this.#follow(next.attempt);
      else if (next?.do === 'wait') {
        await this.#wait(next);
        if (once) isResting = true;
        else await this.#deps.sleep(this.#waitMs(next));
      }
    }
    return this.#case;
  }

  async #change(to: Partial<Case>): Promise<void> {
    this.#case = { ...this.#case, ...to, updatedAt: this.#deps.now() };
    await this.#deps.book.put(this.#case);
    this.#onChange(this.#case);
  }

  #changeTry(to: Partial<Try>): Promise<void> {
    const { tries } = this.#case;
    return this.#change({ tries: tries.map((one, i) => (i === tries.length - 1 ? { ...one, ...to } : one)) });
  }

  /** Decides on the next try, and writes it down; or says why there is none. */
  async #act(alert: AlertView, play: Play, number: number): Promise<Decision | undefined> {
    const { book, now, log } = this.#deps;
    let planned: PlannedCommand;
    let unmet: string | undefined;
    try {
      planned = commandFor(play, alert);
      unmet = unmetOf(play, alert, await readFacts(this.#deps, alert), now());
    } catch (thrown) {
      if (!isDefinite(thrown)) throw thrown;
      return { do: 'close', phase: 'escalated', reason: thrown.message };
    }
    // Nothing is awaited from here to the book: no other case can take the same place.
    unmet ??= unmetPlaces(play, book.gatewaysAtWork(alert.conditionId, planned.kind), alert);
    if (unmet) return this.#blocked(play, unmet);
    const idempotencyKey = idempotencyKeyOf(alert.alertKey, alert.episode, number);
    const expiresInMs = Math.max(limits.commandExpiryMinMs, play.confirmWithinMs);
    const { firedAt } = alert;
    const attempt: Try = { number, idempotencyKey, ...planned, expiresInMs, decidedAt: now(), firedAt };
    // The gateway that the API names, not the message.
    const { gatewayId, conditionId, component } = alert;
    const tries = [...this.#case.tries, attempt];
    await this.#change({ gatewayId, conditionId, component, tries, waiting: undefined });
    log('info', 'admin.decided', { ...this.#ids(), number, kind: planned.kind });
    return undefined;
  }

  #blocked({ giveUpAfterMs }: Play, reason: string): Decision {
    const now = this.#deps.now();
    const until = (this.#case.waiting?.blockedSince ?? now) + giveUpAfterMs;
    if (now < until) return { do: 'wait', until, reason, isBlocked: true };
    return {
      do: 'close',
      phase: 'escalated',
      reason: `not tried in ${durationText(giveUpAfterMs)}: ${reason}`,
    };
  }

  /** What it waits for is in the book before its message may go. */
  async #wait({ reason, isBlocked }: Extract<Decision, { do: 'wait' }>): Promise<void> {
    const { waiting } = this.#case;
    if (reason === undefined || (waiting?.reason === reason && (waiting.blockedSince || !isBlocked))) return;
    const blockedSince = waiting?.blockedSince ?? (isBlocked ? this.#deps.now() : undefined);
    await this.#change({ waiting: { reason, blockedSince } });
    this.#deps.log('info', 'admin.waiting', { ...this.#ids(), reason });
  }

  /** One look at the command, which is sent first where it was not. True: it is for the next process. */
  async #follow(attempt: Try): Promise<boolean> {
    const { api, log, now, sleep, pollMs } = this.#deps;
    try {
      const { gatewayId } = this.#case;
      const command = await persistently(this.#deps, this.#case.alertKey, () =>
        attempt.commandId ? api.getCommand(gatewayId, attempt.commandId) : this.#submit(attempt),
      );
      const { commandId, state } = command;
      const ended = finalCommandStates.find((final) => final === state);
      if (!ended) {
        if (await this.#isLeft(commandId)) return true;
        await sleep(pollMs.command);
        return false;
      }
      // Sent before, by another process or one whose memory is lost: it ended when it ended.
      const endedAt = Math.min(now(), (attempt.commandId ? undefined : command.endedAt) ?? now());
      const error =
        command.outcome?.error && `${command.outcome.error.code}: ${command.outcome.error.message}`;
      // What the alert came back after was the answer to an earlier firing of the episode, and did help then.
      const isOld =
        command.createdAt < attempt.decidedAt &&
        ended === 'SUCCEEDED' &&
        endedAt < (attempt.firedAt ?? -Infinity);
      await this.#changeTry({ outcome: ended, error, endedAt, ...(isOld && { confirmedAt: endedAt }) });
      log('info', 'admin.command_ended', { ...this.#ids(), commandId, state, error });
    } catch (thrown) {
      if (!isDefinite(thrown)) throw thrown;
      const { code, message } = thrown;
      await this.#changeTry({ outcome: 'REFUSED', error: `${code}: ${message}`, endedAt: now() });
      log('warn', 'admin.refused', { ...this.#ids(), code, message });
    }
    return false;
  }

  /** `once` nobody waits for a gateway that is away, which may be for as long as the command does. */
  async #isLeft(commandId: string): Promise<boolean> {
    if (!this.#deps.once) return false;
    const { alertKey, gatewayId } = this.#case;
    const { connection } = await persistently(this.#deps, alertKey, () =>
      this.#deps.api.getGateway(gatewayId),
    );
    if (connection.state === 'connected') return false;
    const reason = `the gateway is ${connection.state}; the next run goes on with the command`;
    this.#deps.log('info', 'admin.waiting', { ...this.#ids(), commandId, reason });
    return true;
  }

  async #submit({ kind, params, idempotencyKey, expiresInMs }: Try): Promise<CommandView> {
    const { gatewayId, alertKey, episode } = this.#case;
    const body = { kind, params, idempotencyKey, expiresInMs, cause: { alertKey, episode } };
    const command = await this.#deps.api.submitCommand(gatewayId, body);
    await this.#changeTry({ commandId: command.commandId });
    this.#deps.log('info', 'admin.submitted', { ...this.#ids(), commandId: command.commandId, kind });
    return command;
  }

  async #close({ phase, reason }: Extract<Decision, { do: 'close' }>): Promise<void> {
    const { log, now } = this.#deps;
    if (phase === 'escalated') await this.#escalate(reason);
    const tries = this.#case.tries.map((one) =>
      phase === 'confirmed' ? { confirmedAt: now(), ...one } : one,
    );
    // Where nothing was done there is nothing to remember: forged messages leave no trace in the book.
    if (phase === 'moot' && tries.length === 0 && !this.#case.waiting)
      this.#case = { ...this.#case, phase, reason };
    else await this.#change({ phase, reason, tries, waiting: undefined });
    log(phase === 'escalated' ? 'error' : 'info', `admin.${phase}`, { ...this.#ids(), reason });
  }

  /** Marks the alert, before the case is closed: a crash in between marks it again, which changes nothing. */
  async #escalate(reason: string): Promise<void> {
    const { alertKey, episode } = this.#case;
    const body = { episode, reason: reason.slice(0, reasonCharsMax) };
    try {
      await persistently(this.#deps, alertKey, () => this.#deps.api.escalateAlert(alertKey, body));
    } catch (thrown) {
      // It is over by now, or this token may not: the log and the exit code say it all the same.
      if (!isDefinite(thrown)) throw thrown;
      this.#deps.log('warn', 'admin.not_marked', { ...this.#ids(), ...codeOf(thrown) });
    }
  }

  #waitMs({ until }: { until: number }): number {
    const left = until - this.#deps.now();
    return left > 0 ? Math.min(left, this.#deps.pollMs.alert) : this.#deps.pollMs.alert;
  }

  #ids() {
    const { gatewayId, conditionId, component } = this.#case;
    return { case: caseKey(this.#case), gatewayId, conditionId, component };
  }
}

const unmetPlaces = (
  { gatewaysAtOnce = Infinity }: Play,
  atWork: ReadonlySet<string>,
  { gatewayId }: AlertView,
): string | undefined =>
  !atWork.has(gatewayId) && atWork.size >= gatewaysAtOnce
    ? `it is at work on ${gatewaysAtOnce} gateways, which is as many as it may`
    : undefined;

function codeOf(thrown: unknown): { code: string; message: string } {
  const { code, message } = asHoldfastError(thrown);
  return { code, message };
}
