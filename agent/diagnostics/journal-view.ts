import { diagnosticsLimits, type Section } from '../../core/diagnostics.ts';
import type { CommandEntry } from '../commands/command-book.ts';
import type { Journal } from '../commands/command-journal.ts';

/** The newest commands, newest first; neither their parameters nor what they answered. */
export function newestCommands({ entries }: Pick<Journal, 'entries'>): Section<'commands'> {
  const newestFirst = [...entries.values()].reverse().slice(0, diagnosticsLimits.commands);
  return newestFirst.map((entry) => ({
    commandId: entry.commandId,
    kind: entry.kind,
    state: stateOf(entry),
    attempt: entry.attempt,
    starts: entry.starts,
    errorCode: entry.outcome?.error?.code,
    takenAt: entry.takenAt,
    startedAt: entry.startedAt,
    endedAt: entry.endedAt,
    settledAt: entry.settledAt,
  }));
}

const stateOf = ({ outcome, starts }: Readonly<CommandEntry>): Section<'commands'>[number]['state'] =>
  outcome?.status ?? (starts > 0 ? 'started' : 'waiting');

export function journalCounts({ journalId, entries }: Journal): Section<'queues'>['journal'] {
  const all = [...entries.values()];
  return {
    journalId,
    commands: all.length,
    open: all.filter(({ outcome }) => !outcome).length,
    unsent: all.filter(({ outcome, settledAt }) => outcome && settledAt === undefined).length,
  };
}
