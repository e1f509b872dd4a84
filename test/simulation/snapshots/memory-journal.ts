import type { StoredChunk, UnfinishedUpload, UploadJournal } from '../../../agent/snapshot/upload-journal.ts';

/** A journal that outlives a run in memory, and asks nothing of a disk: a program here waits for its bucket alone. */
export class MemoryJournal implements UploadJournal {
  unfinished: UnfinishedUpload | undefined;
  holdsChunks = false;
  readonly #forgets: boolean;
  readonly #stored = new Map<number, StoredChunk['location']>();

  constructor({ forgets }: { forgets: boolean }) {
    this.#forgets = forgets;
  }

  begin(upload: UnfinishedUpload): Promise<void> {
    if (upload.snapshotId !== this.unfinished?.snapshotId) this.#stored.clear();
    this.unfinished = upload;
    return Promise.resolve();
  }

  stored = (index: number) => Promise.resolve(this.#stored.get(index));

  note(chunks: readonly StoredChunk[]): Promise<void> {
    this.holdsChunks = true;
    for (const { index, location } of this.#forgets ? [] : chunks) this.#stored.set(index, location);
    return Promise.resolve();
  }

  close = () => Promise.resolve();

  end(): Promise<void> {
    this.unfinished = undefined;
    this.holdsChunks = false;
    this.#stored.clear();
    return Promise.resolve();
  }
}
