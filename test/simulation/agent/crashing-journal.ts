import { applyRecord, type CommandBook } from '../../../agent/commands/command-book.ts';
import type { Journal } from '../../../agent/commands/command-journal.ts';
import type { JournalRecord } from '../../../agent/commands/journal-records.ts';
import type { Scheduler } from '../commands/scheduler.ts';

/** A disk that holds one journal: what a crash leaves of it is a prefix of what was written. */
export class JournalDisk {
  readonly journalId: string;
  readonly book: CommandBook = new Map();
  private readonly scheduler: Scheduler;
  private writing: { record: JournalRecord; synced: () => void }[] = [];

  constructor(journalId: string, scheduler: Scheduler) {
    this.journalId = journalId;
    this.scheduler = scheduler;
  }

  /** The journal as one process sees it: each append is synced some time later, in order. */
  open(): Journal {
    return {
      journalId: this.journalId,
      entries: this.book,
      append: (record) =>
        new Promise((synced) => {
          this.writing.push({ record, synced });
          this.scheduler.later(`sync of ${record.r}`, () => this.syncOne());
        }),
    };
  }

  /** The process is dead: some of what it had not synced is there all the same. */
  crash(): void {
    const keptCount = Math.floor(this.scheduler.random() * (this.writing.length + 1));
    for (const { record } of this.writing.slice(0, keptCount)) applyRecord(this.book, record);
    this.writing = [];
  }

  private syncOne(): void {
    const first = this.writing.shift();
    if (!first) return;
    applyRecord(this.book, first.record);
    first.synced();
  }
}
