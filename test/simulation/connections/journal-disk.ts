import { applyRecord, type CommandBook } from '../../../agent/commands/command-book.ts';
import type { Journal } from '../../../agent/commands/command-journal.ts';
import type { JournalRecord } from '../../../agent/commands/journal-records.ts';
import type { Scheduler } from './scheduler.ts';

/** A disk that holds one journal: what a crash leaves of it is a prefix of what was written. */
export class JournalDisk {
  readonly journalId: string;
  readonly #scheduler: Scheduler;
  /** Mean time of a sync. */
  readonly #syncMs: number;
  readonly #book: CommandBook = new Map();
  #writing: { record: JournalRecord; synced: () => void }[] = [];

  constructor(journalId: string, scheduler: Scheduler, syncMs: number) {
    this.journalId = journalId;
    this.#scheduler = scheduler;
    this.#syncMs = syncMs;
  }

  /**
   * The journal as one process sees it: each append is synced some time later, in order. `appending` is told of each.
   * `isLate`: a broken agent that does not wait for the disk.
   */
  open(appending: (withinMs: number) => void, isLate = false): Journal {
    const entries: CommandBook = structuredClone(this.#book);
    const append = (record: JournalRecord): Promise<void> =>
      new Promise((resolve) => {
        const synced = () => {
          if (!isLate) applyRecord(entries, record);
          resolve();
        };
        this.#writing.push({ record, synced });
        const syncedInMs = this.#scheduler.spread(this.#syncMs);
        this.#scheduler.after(syncedInMs, '', () => this.#syncOne());
        appending(1.5 * syncedInMs);
        if (!isLate) return;
        applyRecord(entries, record);
        resolve();
      });
    return { journalId: this.journalId, entries, append };
  }

  /** The process is dead: some of what it had not synced is there all the same. */
  crash(): void {
    const keptCount = Math.floor(this.#scheduler.random() * (this.#writing.length + 1));
    for (const { record } of this.#writing.slice(0, keptCount)) applyRecord(this.#book, record);
    this.#writing = [];
  }

  #syncOne(): void {
    const first = this.#writing.shift();
    if (!first) return;
    applyRecord(this.#book, first.record);
    first.synced();
  }
}
