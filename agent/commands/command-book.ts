import type { CommandOutcome } from '../../core/messages.ts';
import type { JournalRecord, Taken } from './journal-records.ts';

/** What the journal knows about one command. */
export interface CommandEntry extends Omit<Taken, 'r' | 'at'> {
  takenAt: number;
  /** How often it was started; more than once only where the agent died in between. */
  starts: number;
  startedAt?: number;
  note?: Record<string, string>;
  outcome?: CommandOutcome;
  endedAt?: number;
  settledAt?: number;
}

/** Finished, and the server has not said yet that it knows. */
export const isUnsettled = ({ outcome, settledAt }: CommandEntry): boolean =>
  outcome !== undefined && settledAt === undefined;

/** Commands by id, in the order in which they were taken. */
export type CommandBook = Map<string, CommandEntry>;

/** Adds one record; one of a command that is not there says nothing. */
export function applyRecord(book: CommandBook, record: JournalRecord): void {
  if (record.r === 'head') return;
  if (record.r === 'taken') {
    const { r: _r, at, ...command } = record;
    if (!book.has(command.commandId)) book.set(command.commandId, { ...command, takenAt: at, starts: 0 });
    return;
  }
  const entry = book.get(record.commandId);
  if (!entry) return;
  if (record.r === 'started') {
    entry.starts++;
    entry.startedAt = record.at;
  } else if (record.r === 'note') entry.note = { ...entry.note, ...record.note };
  else if (record.r === 'settled') entry.settledAt = record.at;
  else if (!entry.outcome) {
    entry.outcome = record.outcome;
    entry.endedAt = record.at;
  }
}

/** How long and how many finished commands are kept, so that a late copy of one is known. */
export const settledKept = { ms: 7 * 86_400_000, count: 500 } as const;

/** The fewest records from which the same book comes back, without what is settled for long. */
export function recordsOf(book: CommandBook, now: number): JournalRecord[] {
  const settled = [...book.values()].filter((entry) => entry.settledAt !== undefined);
  const old = new Set(
    settled.filter(
      (entry, i) => i < settled.length - settledKept.count || (entry.settledAt ?? 0) < now - settledKept.ms,
    ),
  );
  return [...book.values()].filter((entry) => !old.has(entry)).flatMap(recordsOfEntry);
}

function recordsOfEntry(entry: CommandEntry): JournalRecord[] {
  const { commandId, attempt, kind, needsGo, expiresAt, timeoutMs } = entry;
  // Parameters are for running it: whoever is finished needs none.
  const params = entry.outcome ? {} : entry.params;
  const records: JournalRecord[] = [
    { r: 'taken', commandId, at: entry.takenAt, attempt, kind, params, needsGo, expiresAt, timeoutMs },
  ];
  for (let i = 0; i < entry.starts; i++)
    records.push({ r: 'started', commandId, at: entry.startedAt ?? entry.takenAt });
  if (entry.note && !entry.outcome)
    records.push({ r: 'note', commandId, at: entry.takenAt, note: entry.note });
  if (entry.outcome)
    records.push({ r: 'finished', commandId, at: entry.endedAt ?? entry.takenAt, outcome: entry.outcome });
  if (entry.settledAt !== undefined) records.push({ r: 'settled', commandId, at: entry.settledAt });
  return records;
}
