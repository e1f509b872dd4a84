import {
  commandSpecs,
  isCommandKind,
  type CommandKind,
  type CommandParams,
} from '../../core/command-kinds.ts';
import { HoldfastError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { CommandOutcome, Downstream } from '../../core/messages.ts';
import { isUnsettled, type CommandEntry } from './command-book.ts';
import type { Journal } from './command-journal.ts';
import { EndsWithProcess, type Executor, type Executors } from './executor.ts';
import { CommandReports, type SendReport } from './command-reports.ts';
import { Lanes, laneOf } from './lanes.ts';
import { refusalOf, unknownKind } from './refusals.ts';
import { ended, succeeded } from './outcomes.ts';
import { RunningCommand, type StopCause } from './running-command.ts';

export type CommandMessage = Extract<Downstream, { t: 'cmd' | 'cmd.go' | 'cmd.cancel' | 'result.ack' }>;

export interface RunnerDeps {
  journal: Journal;
  executors: Executors;
  send: SendReport;
  /** Server's clock, Unix ms: commands expire by it. */
  serverTime: () => number;
  setTimer: (run: () => void, delayMs: number) => () => void;
  log: Log;
}

/** Acks and results that nobody answered are sent again so often. */
export const resendMs = 30_000;
/** An idempotent command that the agent died in so often is not tried once more. */
const startsMax = 3;
const stopGraceMs = 10_000;
/** With so many results that the server does not acknowledge, nothing new is taken: the journal has an end. */
export const unsettledMax = 1_000;

/**
 * Runs what the server sends: journal first, then the ack; kinds that must not run twice wait for `cmd.go`; one
 * lane, one command at a time, in the order in which they were taken; a result is kept and sent until the server
 * has it.
 */
export class CommandRunner {
  private readonly deps: RunnerDeps;
  /** Taken and unfinished commands by lane; the first of each runs or waits for its go. */
  private readonly lanes = new Lanes();
  private readonly allowed = new Set<string>();
  private readonly running = new Map<string, RunningCommand>();
  private readonly reports: CommandReports;
  private inbox: Promise<void> = Promise.resolve();
  private cancelResend: (() => void) | undefined;
  private stopped = false;
  private full = false;

  constructor(deps: RunnerDeps) {
    this.deps = deps;
    this.reports = new CommandReports(deps.journal.journalId, deps.send, deps.serverTime);
  }

  /** Takes up what the journal left open. The volumes must be there. */
  async start(): Promise<void> {
    for (const entry of [...this.deps.journal.entries.values()]) {
      if (entry.outcome) continue;
      const spec = commandSpecs[entry.kind];
      if (entry.starts > 0 && !spec.idempotent) await this.recover(entry);
      else if (entry.starts >= startsMax)
        await this.finish(entry.commandId, ended('FAILED', diedTooOften(entry)));
      else this.lanes.add(entry);
    }
    for (const lane of this.lanes.names) this.advance(lane);
    this.sayAgain();
  }

  /** Messages are handled one after the other; resolves when this one is. */
  handle(message: CommandMessage): Promise<void> {
    this.inbox = this.inbox
      .then(() => this.receive(message))
      .catch((cause: unknown) => {
        // Not acknowledged, so it comes again.
        this.deps.log('error', 'command.not-taken', { type: message.t, error: String(cause) });
      });
    return this.inbox;
  }

  /** A connection is up, or the server missed something: whatever it may not know is said again. */
  sayAgain(): void {
    if (this.stopped) return;
    this.cancelResend?.();
    const entries = [...this.deps.journal.entries.values()];
    this.reports.resultsAgain(entries);
    for (const entry of entries)
      if (!entry.outcome && !this.running.has(entry.commandId)) this.reports.ack(entry);
    this.cancelResend = this.deps.setTimer(() => this.sayAgain(), resendMs);
  }

  /**
   * Another host took over: what waits for its turn here may have been allowed to it since. It is acked again on the next
   * connection of this host, and starts if it is allowed anew.
   */
  hold(): void {
    this.allowed.clear();
  }

  /** Ids of what runs now. */
  get runningIds(): string[] {
    return [...this.running.keys()];
  }

  /** Ends what runs; what can be run again is left for the next start. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelResend?.();
    await this.inbox;
    const ends = [...this.running.values()].map((running) => {
      running.stop('shutdown');
      return running.done;
    });
    let cancel = () => {};
    const late = new Promise<void>((resolve) => (cancel = this.deps.setTimer(resolve, stopGraceMs)));
    await Promise.race([Promise.all(ends), late]);
    cancel();
  }

  private receive(message: CommandMessage): Promise<void> | void {
    if (this.stopped) return;
    switch (message.t) {
      case 'cmd':
        return this.take(message.body);
      case 'cmd.go':
        return this.go(message.body.commandId);
      case 'cmd.cancel':
        return this.cancel(message.body.commandId);
      case 'result.ack':
        return this.settle(message.body.commandId);
    }
  }

  private async take(body: Extract<CommandMessage, { t: 'cmd' }>['body']): Promise<void> {
    const { journal, serverTime, log } = this.deps;
    const { commandId, attempt, kind } = body;
    const known = journal.entries.get(commandId);
    if (known) {
      this.reports.sawAttempt(known, attempt);
      if (known.outcome) this.reports.result(known);
      else this.reports.ack(known);
      return;
    }
    if (!isCommandKind(kind)) return this.reports.refuse(body, ended('REJECTED', unknownKind(kind)));
    const now = serverTime();
    if (now >= body.expiresAt) return log('warn', 'command.expired', { commandId, kind });
    if (this.isFull()) return;
    await journal.append({ r: 'taken', at: now, ...body, kind });
    log('info', 'command.taken', { commandId, kind, attempt });
    const refusal = refusalOf(kind, body.params, this.lanes.count);
    if (refusal) return this.finish(commandId, ended('REJECTED', refusal));
    const entry = journal.entries.get(commandId)!;
    this.reports.ack(entry);
    this.advance(this.lanes.add(entry));
  }

  /** Not acknowledged, so it comes again. */
  private isFull(): boolean {
    const wasFull = this.full;
    this.full = [...this.deps.journal.entries.values()].filter(isUnsettled).length >= unsettledMax;
    if (this.full && !wasFull) this.deps.log('error', 'command.results-pile-up', { unsettledMax });
    return this.full;
  }

  private go(commandId: string): void {
    const entry = this.deps.journal.entries.get(commandId);
    if (!entry) return this.deps.log('warn', 'command.unknown-go', { commandId });
    if (entry.outcome) return this.reports.result(entry);
    this.allowed.add(commandId);
    this.advance(laneOf(entry));
  }

  private async cancel(commandId: string): Promise<void> {
    const entry = this.deps.journal.entries.get(commandId);
    if (!entry) return this.deps.log('info', 'command.unknown-cancel', { commandId });
    if (entry.outcome) return this.reports.result(entry);
    const running = this.running.get(commandId);
    if (running) return running.stop('canceled');
    await this.finish(commandId, { status: 'CANCELED' });
    this.leaveLane(entry);
  }

  private async settle(commandId: string): Promise<void> {
    const entry = this.deps.journal.entries.get(commandId);
    if (!entry?.outcome || entry.settledAt !== undefined) return;
    await this.deps.journal.append({ r: 'settled', commandId, at: this.deps.serverTime() });
    if (this.reports.settled(commandId)) this.reports.resultsAgain(this.deps.journal.entries.values());
  }

  private advance(lane: string): void {
    const commandId = this.lanes.first(lane);
    const entry = commandId === undefined ? undefined : this.deps.journal.entries.get(commandId);
    if (!entry || this.stopped || this.running.has(entry.commandId)) return;
    if (entry.needsGo && !this.allowed.has(entry.commandId)) return;
    const running = new RunningCommand(entry.timeoutMs, this.deps.setTimer);
    this.running.set(entry.commandId, running);
    running.done = this.execute(entry, running)
      .catch((cause: unknown) => {
        // The journal could not be written: the command's end is unknown until the next start.
        this.deps.log('error', 'command.journal-failed', {
          commandId: entry.commandId,
          error: String(cause),
        });
      })
      .finally(() => {
        running.end();
        this.running.delete(entry.commandId);
        this.leaveLane(entry);
      });
  }

  private leaveLane(entry: CommandEntry): void {
    this.allowed.delete(entry.commandId);
    this.advance(this.lanes.remove(entry));
  }

  private async execute<K extends CommandKind>(entry: CommandEntry, running: RunningCommand): Promise<void> {
    const { journal, serverTime, log } = this.deps;
    const { commandId, kind } = entry;
    const isRerun = entry.starts > 0;
    await journal.append({ r: 'started', commandId, at: serverTime() });
    log('info', 'command.started', { commandId, kind, isRerun });
    const executor = this.deps.executors[kind] as Executor<K>;
    const work = executor
      .run(entry.params as CommandParams<K>, {
        commandId,
        signal: running.signal,
        isRerun,
        progress: (fraction, note) => this.reports.progress(entry, running, fraction, note),
        note: (note) => journal.append({ r: 'note', commandId, at: serverTime(), note }),
      })
      .then(succeeded, (thrown: unknown) =>
        thrown instanceof EndsWithProcess ? undefined : this.failed(entry, running.cause, thrown),
      );
    const overdue = running.overdue.then(() => this.failed(entry, 'timeout', undefined));
    const outcome = await Promise.race([work, overdue]);
    if (outcome) await this.finish(commandId, outcome);
    // Whoever is told to end and does not keeps the lane: two at once would be worse.
    await work;
  }

  /** Undefined: the next start of the agent runs it again. */
  private failed(
    entry: CommandEntry,
    cause: StopCause | undefined,
    thrown: unknown,
  ): CommandOutcome | undefined {
    if (cause === 'canceled') return { status: 'CANCELED' };
    if (cause === 'timeout')
      return ended('TIMED_OUT', new HoldfastError('TIMEOUT', `not done within ${entry.timeoutMs / 1_000} s`));
    if (cause === 'shutdown') {
      if (commandSpecs[entry.kind].idempotent) return undefined;
      return ended('FAILED', new HoldfastError('UNAVAILABLE', 'the agent was stopped while it ran'));
    }
    return ended('FAILED', thrown);
  }

  private async recover<K extends CommandKind>(entry: CommandEntry): Promise<void> {
    const executor = this.deps.executors[entry.kind] as Executor<K>;
    const interrupted = { startedAt: entry.startedAt ?? entry.takenAt, note: entry.note ?? {} };
    const outcome = await executor
      .recover?.(entry.params as CommandParams<K>, interrupted)
      .catch(() => undefined);
    const unknown = new HoldfastError(
      'STEP_FAILED',
      'the agent died while it ran; what came of it is not known',
      {
        hint: 'look at the volume before you send it again',
      },
    );
    await this.finish(entry.commandId, outcome ?? ended('INDETERMINATE', unknown));
  }

  private async finish(commandId: string, outcome: CommandOutcome): Promise<void> {
    const { journal, serverTime, log } = this.deps;
    await journal.append({ r: 'finished', commandId, at: serverTime(), outcome });
    const entry = journal.entries.get(commandId)!;
    log('info', 'command.finished', {
      commandId,
      kind: entry.kind,
      status: outcome.status,
      code: outcome.error?.code,
    });
    this.reports.result(entry);
  }
}

const diedTooOften = ({ starts }: CommandEntry): HoldfastError =>
  new HoldfastError('STEP_FAILED', `the agent died ${starts} times while it ran`, {
    hint: 'see the agent’s log',
  });
