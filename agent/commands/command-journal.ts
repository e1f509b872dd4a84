import { randomUUID } from 'node:crypto';
import { open, readFile, rename, type FileHandle } from 'node:fs/promises';
import type { HoldfastError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { errnoOf, ioError, writeDurably } from '../state/versioned-file.ts';
import { applyRecord, recordsOf, type CommandBook, type CommandEntry } from './command-book.ts';
import { encodeRecord, replayJournal, type JournalRecord } from './journal-records.ts';

export interface JournalDeps {
  now: () => number;
  log: Log;
  /** The file is rewritten once it has grown by so much; default 1 MiB. */
  compactBytes?: number;
}

/** What the runner needs of a journal. */
export interface Journal {
  readonly journalId: string;
  readonly entries: ReadonlyMap<string, Readonly<CommandEntry>>;
  /** Resolves once the record is on stable storage; only then the entries show it. */
  append(record: JournalRecord): Promise<void>;
}

export const journalFileName = 'commands.journal';

/**
 * What this gateway was told to do, on stable storage before it is acknowledged. The journal's id changes when the
 * journal is lost: then the server knows that nobody remembers what was started.
 */
export class CommandJournal implements Journal {
  readonly journalId: string;
  private readonly path: string;
  private readonly deps: JournalDeps;
  private readonly book: CommandBook;
  private file: FileHandle;
  private bytes: number;
  private compactedBytes: number;
  private last: Promise<void> = Promise.resolve();
  private broken: HoldfastError | undefined;

  private constructor(path: string, deps: JournalDeps, opened: Opened) {
    this.path = path;
    this.deps = deps;
    this.journalId = opened.journalId;
    this.book = opened.book;
    this.file = opened.file;
    this.bytes = opened.bytes;
    this.compactedBytes = opened.bytes;
  }

  /** Opens the journal, or starts a new one. Damage that no crash explains costs the journal, never the agent. */
  static async open(path: string, deps: JournalDeps): Promise<CommandJournal> {
    return new CommandJournal(path, deps, await openJournal(path, deps));
  }

  get entries(): ReadonlyMap<string, Readonly<CommandEntry>> {
    return this.book;
  }

  /** Resolves once the record is on stable storage; only then the entries show it. Throws IO, NO_SPACE. */
  append(record: JournalRecord): Promise<void> {
    const done = this.last.then(() => this.write(record));
    this.last = done.catch(() => undefined);
    return done;
  }

  async close(): Promise<void> {
    await this.last;
    await this.file.close();
  }

  private async write(record: JournalRecord): Promise<void> {
    if (this.broken) throw this.broken;
    const line = encodeRecord(record);
    try {
      for (let done = 0; done < line.length;)
        done += (await this.file.write(line, done, line.length - done, this.bytes + done)).bytesWritten;
    } catch (cause) {
      await this.takeBack();
      throw ioError('write', this.path, cause);
    }
    try {
      await this.file.datasync();
    } catch (cause) {
      // After a failed sync the kernel may have dropped the data and say nothing next time: no second try.
      this.broken = ioError('sync', this.path, cause);
      throw this.broken;
    }
    this.bytes += line.length;
    applyRecord(this.book, record);
    if (this.bytes - this.compactedBytes > (this.deps.compactBytes ?? 1024 * 1024)) await this.compact();
  }

  /** A record that was half written must not stand between good ones. */
  private async takeBack(): Promise<void> {
    try {
      await this.file.truncate(this.bytes);
    } catch (cause) {
      this.broken = ioError('truncate', this.path, cause);
    }
  }

  private async compact(): Promise<void> {
    const before = this.bytes;
    try {
      const { file, bytes, book } = await rewrite(this.path, this.journalId, this.book, this.deps.now());
      await this.file.close();
      this.file = file;
      this.bytes = this.compactedBytes = bytes;
      this.book.clear();
      for (const [id, entry] of book) this.book.set(id, entry);
      this.deps.log('debug', 'journal.compacted', { beforeBytes: before, afterBytes: bytes });
    } catch (cause) {
      // The old file is still whole and open; the next try comes after as much growth again.
      this.compactedBytes = before;
      this.deps.log('warn', 'journal.compact-failed', { error: String(cause) });
    }
  }
}

interface Opened {
  journalId: string;
  book: CommandBook;
  file: FileHandle;
  bytes: number;
}

async function openJournal(path: string, deps: JournalDeps): Promise<Opened> {
  const existing = await readFile(path).catch((cause: unknown) => {
    if (errnoOf(cause) === 'ENOENT') return undefined;
    throw ioError('read', path, cause);
  });
  const replay = existing && replayJournal(existing);
  if (replay?.journalId !== undefined && !replay.damaged) {
    const book: CommandBook = new Map();
    for (const record of replay.records) applyRecord(book, record);
    const tornBytes = existing!.length - replay.goodBytes;
    if (tornBytes > 0) deps.log('info', 'journal.torn-end', { tornBytes });
    // Rewritten at each start: the torn end goes, and what is settled for long with it.
    return rewrite(path, replay.journalId, book, deps.now());
  }
  if (existing) {
    const aside = `${path}.damaged-${deps.now()}`;
    await rename(path, aside);
    deps.log('error', 'journal.damaged', { keptAs: aside });
  }
  return rewrite(path, randomUUID(), new Map(), deps.now());
}

async function rewrite(path: string, journalId: string, book: CommandBook, now: number): Promise<Opened> {
  const records: JournalRecord[] = [{ r: 'head', version: 1, journalId, at: now }, ...recordsOf(book, now)];
  const bytes = Buffer.concat(records.map(encodeRecord));
  await writeDurably(path, bytes);
  const kept: CommandBook = new Map();
  for (const record of records) applyRecord(kept, record);
  const file = await open(path, 'r+').catch((cause: unknown) => {
    throw ioError('open', path, cause);
  });
  return { journalId, book: kept, file, bytes: bytes.length };
}
