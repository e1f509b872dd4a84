import pLimit from 'p-limit';
import { subscriptionMessageSchema, type AlertEvent, type SubscriptionMessage } from '../core/alert-event.ts';
import { parseEventId } from '../core/alerts/alert-key.ts';
import { asHoldfastError } from '../core/errors.ts';
import { isDefinite } from './admin-api.ts';
import { caseKey, type Case } from './decide.ts';
import type { AlertQueue, QueueMessage } from './queue.ts';
import { isSettled, workCase, type CaseDeps } from './work-case.ts';

export interface AdminDeps extends Omit<CaseDeps, 'sleep'> {
  queue: AlertQueue;
  /** Resolves after `ms`, or at once when the signal aborts. */
  sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Messages at work at once; more are left in the queue. */
  messagesMax?: number;
}
export interface AdminReport {
  /** Cases that were given up since the start: a person has to look. */
  escalated: number;
  /** Cases that could not be worked on, `once`: the next process goes on with them. */
  failed: number;
}

/**
 * The customer's admin process: takes alerts from its queue and answers them by its playbook until `signal` aborts,
 * or `once` until the queue is empty and every case is closed or has to wait.
 * A message is deleted only when its case needs it no more; what was begun before a crash goes on from the case book.
 * Throws what the queue throws where trying again is of no use: NOT_FOUND, FORBIDDEN.
 */
export async function runAdmin(deps: AdminDeps, signal: AbortSignal): Promise<AdminReport> {
  const failing = new AbortController();
  const admin = new AdminProcess(deps, AbortSignal.any([signal, failing.signal]));
  for (const one of deps.book.open()) admin.begin(one);
  deps.log('info', 'admin.started', { openCases: deps.book.open().length });
  admin.takeOpenAlerts();
  try {
    await admin.takeMessages();
    if (deps.once) await admin.ended();
  } finally {
    failing.abort(new Error('the queue failed'));
    await admin.ended();
  }
  return admin.report;
}

class AdminProcess {
  readonly report: AdminReport = { escalated: 0, failed: 0 };
  readonly #deps: AdminDeps;
  readonly #signal: AbortSignal;
  /** Case key → the work on it. */
  readonly #work = new Map<string, Promise<void>>();
  readonly #settled = new Map<string, PromiseWithResolvers<void>>();
  readonly #messages = new Set<Promise<void>>();

  constructor(deps: AdminDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
  }

  async takeMessages(): Promise<void> {
    const { queue, log, pollMs, once } = this.#deps;
    // What could not be worked on comes again and again: once, that is for the next process.
    while (!this.#signal.aborted && !(once && this.report.failed > 0)) {
      await this.#hasRoom();
      try {
        const messages = await queue.receive(this.#signal);
        if (once && messages.length === 0) break;
        for (const message of messages) this.#take(message);
      } catch (thrown) {
        if (this.#signal.aborted) break;
        if (isDefinite(thrown) || once) throw thrown;
        log('warn', 'admin.queue_failed', failureOf(thrown));
        await this.#deps.sleep(pollMs.retry, this.#signal);
      }
    }
  }

  /**
   * Answers what fired before a message of it could come: before the subscription was confirmed. What it finds at work
   * already goes on as it is.
   */
  takeOpenAlerts(): void {
    this.#track(
      this.#openAlerts().catch((thrown: unknown) => {
        if (!this.#signal.aborted) this.#deps.log('warn', 'admin.api_failed', failureOf(thrown));
      }),
    );
  }

  async #openAlerts(): Promise<void> {
    const alerts = await this.#untilAnswered(() => this.#deps.api.listOpenAlerts());
    for (const alert of alerts) {
      const isPlayed = this.#deps.playbook.plays.some(({ condition }) => condition === alert.conditionId);
      if (alert.state !== 'FIRING' || !isPlayed) continue;
      await this.#hasRoom();
      if (this.#signal.aborted) return;
      this.#track(this.#answer({ ...alert, at: alert.firedAt ?? alert.changedAt }).catch(() => undefined));
    }
  }

  /** Asked again while the API cannot say; what is definite is thrown. */
  async #untilAnswered<T>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await ask();
      } catch (thrown) {
        if (isDefinite(thrown)) throw thrown;
        this.#deps.log('warn', 'admin.api_failed', failureOf(thrown));
        await this.#sleepOrStop(this.#deps.pollMs.retry);
      }
    }
  }

  async #hasRoom(): Promise<void> {
    const { messagesMax = 50 } = this.#deps;
    if (this.#messages.size >= messagesMax) await Promise.race([...this.#messages, this.#stopped()]);
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#messages.delete(tracked));
    this.#messages.add(tracked);
  }

  /** Resolves when nothing is at work any more, which an aborted signal brings about. */
  async ended(): Promise<void> {
    await Promise.all([...this.#messages, ...this.#work.values()]);
  }

  /** Works on the case, once, and until it is closed or the process stops. */
  begin(one: Case): void {
    const key = caseKey(one);
    if (this.#work.has(key)) return;
    const settled = this.#settledOf(key);
    if (isSettled(one)) settled.resolve();
    const deps = { ...this.#deps, sleep: (ms: number) => this.#sleepOrStop(ms) };
    const work = workCase(deps, one, (changed) => isSettled(changed) && settled.resolve())
      .then(({ phase }) => {
        if (phase === 'escalated') this.report.escalated += 1;
        settled.resolve();
      })
      .catch((thrown: unknown) => {
        if (!this.#signal.aborted) {
          this.report.failed += 1;
          this.#deps.log('error', 'admin.case_failed', { case: key, ...failureOf(thrown) });
        }
        settled.reject(thrown);
      })
      .finally(() => {
        this.#work.delete(key);
        this.#settled.delete(key);
      });
    this.#work.set(key, work);
  }

  #take(message: QueueMessage): void {
    this.#track(
      this.#handle(message).catch((thrown: unknown) => {
        // It stays in the queue and comes again.
        if (!this.#signal.aborted) this.#deps.log('warn', 'admin.message_kept', failureOf(thrown));
      }),
    );
  }

  async #handle({ receipt, body }: QueueMessage): Promise<void> {
    const message = parseMessage(body);
    if (!message) this.#deps.log('warn', 'admin.bad_message', { bytes: body.length });
    else if (message.type === 'challenge') await this.#confirm(message);
    else if (message.type === 'test') this.#deps.log('info', 'admin.tested', { testId: message.testId });
    else if (message.event.type === 'firing') await this.#whileHidden(receipt, this.#answer(message.event));
    else if (message.event.type === 'digest')
      await this.#whileHidden(receipt, this.#answerAll(message.event.digest?.firing ?? []));
    if (!this.#signal.aborted) await this.#deps.queue.remove(receipt);
  }

  async #confirm({
    subscriptionId,
    challenge,
  }: Extract<SubscriptionMessage, { type: 'challenge' }>): Promise<void> {
    try {
      await this.#deps.api.confirmSubscription(subscriptionId, challenge);
      this.#deps.log('info', 'admin.subscribed', { subscriptionId });
      this.takeOpenAlerts();
    } catch (thrown) {
      if (!isDefinite(thrown)) throw thrown;
      this.#deps.log('warn', 'admin.challenge_refused', { subscriptionId, ...failureOf(thrown) });
    }
  }

  /** What a digest tells of. One that fails keeps the message, and the others are known when it comes again. */
  async #answerAll(eventIds: readonly string[]): Promise<void> {
    const { api, messagesMax = 50, now } = this.#deps;
    const limit = pLimit(messagesMax);
    const answer = async (eventId: string): Promise<void> => {
      const id = parseEventId(eventId);
      if (!id) return;
      try {
        await this.#answer({ ...(await api.getAlert(id.alertKey)), episode: id.episode, at: now() });
      } catch (thrown) {
        if (!isDefinite(thrown)) throw thrown;
      }
    };
    const done = await Promise.allSettled(eventIds.map((eventId) => limit(() => answer(eventId))));
    const failed = done.find((one) => one.status === 'rejected');
    if (failed) throw failed.reason;
  }

  /** Opens the event's case, or opens it again, and waits until it is settled. */
  async #answer(event: CaseOf): Promise<void> {
    const key = caseKey(event);
    if (this.#work.has(key)) {
      await this.#settledOf(key).promise;
      // The work that was under way may have ended on what it read before this event.
      if (this.#work.has(key) && this.#deps.book.get(key)?.phase === 'open') return;
      await this.#work.get(key);
    }
    const known = this.#deps.book.get(key);
    if (known?.phase === 'escalated') return;
    if (!this.#work.has(key)) {
      const opened = { ...(known ?? newCase(event)), phase: 'open' as const, reason: undefined };
      this.begin({ ...opened, updatedAt: this.#deps.now() });
    }
    await this.#settledOf(key).promise;
  }

  /** Keeps the message from others until the work is done. */
  async #whileHidden(receipt: string, work: Promise<void>): Promise<void> {
    const { queue, log } = this.#deps;
    const everyMs = Math.max(250, queue.hiddenMs / 3);
    const timer = setInterval(() => {
      queue.extend(receipt).catch((thrown: unknown) => log('warn', 'admin.extend_failed', failureOf(thrown)));
    }, everyMs);
    // It must not keep a process alive whose work has come to nothing.
    timer.unref();
    await work.finally(() => clearInterval(timer));
  }

  #settledOf(key: string): PromiseWithResolvers<void> {
    let settled = this.#settled.get(key);
    if (!settled) {
      settled = Promise.withResolvers<void>();
      // Nobody may be waiting for it.
      settled.promise.catch(() => undefined);
      this.#settled.set(key, settled);
    }
    return settled;
  }

  async #sleepOrStop(ms: number): Promise<void> {
    await this.#deps.sleep(ms, this.#signal);
    this.#signal.throwIfAborted();
  }

  #stopped(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#signal.aborted) resolve();
      else this.#signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }
}

/** What a case is opened for. */
type CaseOf = Pick<AlertEvent, 'alertKey' | 'episode' | 'gatewayId' | 'conditionId' | 'component' | 'at'>;

const newCase = ({ alertKey, episode, gatewayId, conditionId, component, at }: CaseOf): Case => ({
  alertKey,
  episode,
  gatewayId,
  conditionId,
  component,
  phase: 'open',
  updatedAt: at,
  tries: [],
});

function parseMessage(body: string): SubscriptionMessage | undefined {
  try {
    const parsed = subscriptionMessageSchema.safeParse(JSON.parse(body));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

function failureOf(thrown: unknown): { code: string; message: string } {
  const { code, message } = asHoldfastError(thrown);
  return { code, message };
}
