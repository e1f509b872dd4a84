import { constants } from 'node:fs';
import { lstat, mkdir, open, rm, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { ChunkEntry, ChunkLocation } from '../../core/snapshot/format.ts';
import { isSnapshotId } from '../../core/snapshot/names.ts';
import { decodeStoredChunk, encodeStoredChunk, storedChunkBytes } from '../../core/snapshot/stored-chunk.ts';
import {
  errnoOf,
  ioError,
  readVersionedFile,
  syncDirectory,
  writeVersionedFile,
  type FileFormat,
} from '../state/versioned-file.ts';

/** An upload that an earlier run began and did not end. */
export interface UnfinishedUpload {
  snapshotId: string;
  parentId?: string | undefined;
}

export interface StoredChunk {
  index: number;
  location: ChunkLocation;
}

/**
 * What an upload has stored so far, where a later run finds it. One upload at a time: whoever opens a journal sees to
 * that. All but `end` is a courtesy that never fails: what is not remembered is uploaded once more.
 */
export interface UploadJournal {
  readonly unfinished: UnfinishedUpload | undefined;
  /** True where there is something to go on with. */
  readonly holdsChunks: boolean;
  begin(upload: UnfinishedUpload): Promise<void>;
  /** Where the upload that was begun stored the chunk with this index; it may have had other bytes then. */
  stored(index: number): Promise<ChunkEntry>;
  /** These chunks have arrived. */
  note(chunks: readonly StoredChunk[]): Promise<void>;
  /** What was noted stays for a later run. */
  close(): Promise<void>;
  /** Nobody goes on with the upload from now on, not even after power loss. Throws IO, FORBIDDEN. */
  end(): Promise<void>;
}

const uploadFile = {
  format: 'holdfast-upload',
  version: 1,
  schema: z.object({
    snapshotId: z.string().refine(isSnapshotId, 'is no snapshot id'),
    parentId: z.string().refine(isSnapshotId, 'is no snapshot id').optional(),
  }),
} satisfies FileFormat<z.ZodObject>;

/** Chunks that are looked up with one read of the disk. */
const readAheadChunks = 1024;

/** A journal in a folder of its own, which is made. Throws IO, FORBIDDEN, NO_SPACE: nothing can be remembered there. */
export async function openUploadJournal(folder: string): Promise<UploadJournal> {
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
    throw ioError('make', folder, cause);
  });
  // What cannot be read is no reason to take no snapshot.
  const unfinished = await readVersionedFile(join(folder, 'upload.json'), uploadFile).catch(() => undefined);
  return new FolderJournal(folder, unfinished);
}

class FolderJournal implements UploadJournal {
  readonly #folder: string;
  #left: UnfinishedUpload | undefined;
  #snapshotId = '';
  holdsChunks = false;
  #chunks: FileHandle | undefined;
  #read: { firstIndex: number; bytes: Buffer } | undefined;

  constructor(folder: string, left: UnfinishedUpload | undefined) {
    this.#folder = folder;
    this.#left = left;
  }

  get unfinished(): UnfinishedUpload | undefined {
    return this.#left;
  }

  async begin(upload: UnfinishedUpload): Promise<void> {
    this.#snapshotId = upload.snapshotId;
    const goesOn = upload.snapshotId === this.#left?.snapshotId;
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      await writeVersionedFile(join(this.#folder, 'upload.json'), uploadFile, upload);
      const flags = constants.O_RDWR | constants.O_CREAT | (goesOn ? 0 : constants.O_TRUNC);
      this.#chunks = await open(join(this.#folder, 'chunks'), flags, 0o600);
      this.holdsChunks = goesOn;
    } catch {
      this.#chunks = undefined;
    }
  }

  async stored(index: number): Promise<ChunkEntry> {
    if (this.#snapshotId !== this.#left?.snapshotId) return undefined;
    const firstIndex = index - (index % readAheadChunks);
    if (this.#read?.firstIndex !== firstIndex) {
      const bytes = Buffer.alloc(readAheadChunks * storedChunkBytes);
      await this.#chunks?.read(bytes, 0, bytes.length, firstIndex * storedChunkBytes).catch(() => undefined);
      this.#read = { firstIndex, bytes };
    }
    const at = (index - firstIndex) * storedChunkBytes;
    return decodeStoredChunk(this.#read.bytes.subarray(at, at + storedChunkBytes), {
      owner: this.#snapshotId,
      index,
    });
  }

  async note(chunks: readonly StoredChunk[]): Promise<void> {
    if (!this.#chunks) return;
    for (let start = 0; start < chunks.length;) {
      let end = start + 1;
      while (end < chunks.length && chunks[end]!.index === chunks[end - 1]!.index + 1) end += 1;
      const run = chunks.slice(start, end);
      const bytes = Buffer.concat(run.map(({ index, location }) => encodeStoredChunk(location, index)));
      const atBytes = run[0]!.index * storedChunkBytes;
      await this.#chunks.write(bytes, 0, bytes.length, atBytes).catch(() => undefined);
      start = end;
    }
    this.holdsChunks = true;
  }

  async close(): Promise<void> {
    await this.#chunks?.close().catch(() => undefined);
    this.#chunks = undefined;
  }

  async end(): Promise<void> {
    const path = join(this.#folder, 'upload.json');
    const upload = this.#snapshotId || this.#left?.snapshotId;
    await this.close();
    this.#left = undefined;
    this.holdsChunks = false;
    const named = await readVersionedFile(path, uploadFile).catch(() => undefined);
    // Against all promises somebody else is at work here: what is theirs stays.
    if (named && named.snapshotId !== upload) return;
    try {
      // What is no file, or gone with its folder, remembers nothing.
      if ((await lstat(path)).isFile()) await unlink(path);
      await syncDirectory(this.#folder);
    } catch (cause) {
      if (!['ENOENT', 'ENOTDIR'].includes(errnoOf(cause) ?? '')) throw ioError('remove', path, cause);
    }
    await rm(this.#folder, { recursive: true, force: true }).catch(() => undefined);
  }
}
