import type { CommandOutcome } from '../../core/messages.ts';
import type { UpstreamBody } from '../connection/link-ports.ts';
import { isUnsettled, type CommandEntry } from './command-book.ts';
import type { RunningCommand } from './running-command.ts';

type CommandReportType = 'cmd.ack' | 'cmd.progress' | 'cmd.result';

/** False where there is no connection: what matters is said again when there is one. */
export type SendReport = <T extends CommandReportType>(type: T, body: UpstreamBody<T>) => boolean;

const noteMax = 500;
/** Results that are said again at a time; the next go when the server has these. */
export const resultsAtOnce = 100;

/** What the server is told about commands, under the attempt that it knows. */
export class CommandReports {
  private readonly journalId: string;
  private readonly send: SendReport;
  private readonly now: () => number;
  /** The attempt that the server last sent, where that is newer than the journal's. */
  private readonly attempts = new Map<string, number>();
  /** Results that were said again together, without those that the server has; empty too where none is behind them. */
  private saidAgain = new Set<string>();

  constructor(journalId: string, send: SendReport, now: () => number) {
    this.journalId = journalId;
    this.send = send;
    this.now = now;
  }

  /** The server sent a known command again. */
  sawAttempt(entry: CommandEntry, attempt: number): void {
    this.attempts.set(entry.commandId, Math.max(attempt, this.attemptOf(entry)));
  }
  /** The server has the result. True: more results wait, and it has all that were said again before them. */
  settled(commandId: string): boolean {
    this.attempts.delete(commandId);
    return this.saidAgain.delete(commandId) && this.saidAgain.size === 0;
  }

  /** Says the results again that the server may not have, oldest first. */
  resultsAgain(entries: Iterable<CommandEntry>): void {
    const unsettled = [...entries].filter(isUnsettled);
    const now = unsettled.slice(0, resultsAtOnce);
    for (const entry of now) this.result(entry);
    this.saidAgain = new Set(unsettled.length > now.length ? now.map(({ commandId }) => commandId) : []);
  }

  ack(entry: CommandEntry): void {
    const { commandId } = entry;
    this.send('cmd.ack', { commandId, attempt: this.attemptOf(entry), journalId: this.journalId });
  }

  progress(entry: CommandEntry, running: RunningCommand, fraction: number, note?: string): void {
    if (entry.outcome || !running.mayReport(this.now())) return;
    this.send('cmd.progress', {
      commandId: entry.commandId,
      attempt: this.attemptOf(entry),
      fraction: Math.min(1, Math.max(0, fraction)),
      ...(note === undefined ? {} : { note: note.slice(0, noteMax) }),
    });
  }

  result(entry: CommandEntry): void {
    const { commandId, outcome, startedAt, takenAt, endedAt } = entry;
    if (!outcome) return;
    const times = { startedAt: startedAt ?? takenAt, endedAt: endedAt ?? takenAt };
    this.send('cmd.result', { commandId, attempt: this.attemptOf(entry), outcome, ...times });
  }

  /** Of a command that is not taken: nothing of it is kept, and if this gets lost it is sent again. */
  refuse(command: { commandId: string; attempt: number }, outcome: CommandOutcome): void {
    const { commandId, attempt } = command;
    const at = this.now();
    this.send('cmd.result', { commandId, attempt, outcome, startedAt: at, endedAt: at });
  }

  private attemptOf(entry: CommandEntry): number {
    return this.attempts.get(entry.commandId) ?? entry.attempt;
  }
}
