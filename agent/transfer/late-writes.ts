import { fstatSync, writevSync } from 'node:fs';

/** An open file that is written beside what serves clients. */
export interface OpenFile {
  fd: number;
  /** A file that is shorter by now was cut by somebody else, and a write would make it long again. @default any */
  sizeBytes?: number;
}

export interface LateWrite {
  parts: readonly Uint8Array[];
  offsetBytes: number;
}

/** Why a write was not done. */
export type WriteFault = { code: string | undefined; message: string } | { foundBytes: number };

/** Writes that nobody waits for, by another thread. One result for each; undefined: the operating system has it. */
export interface LateWriter {
  /** Throws where the thread has died: it writes nothing any more then. */
  write(file: OpenFile, writes: readonly LateWrite[]): Promise<(WriteFault | undefined)[]>;
}

/** One behind the other and without Node's thread pool: two wake-ups for each write cost more than the write. */
export function writeNow(
  { fd, sizeBytes }: OpenFile,
  { parts, offsetBytes }: LateWrite,
): WriteFault | undefined {
  try {
    const { size } = sizeBytes === undefined ? { size: Infinity } : fstatSync(fd);
    if (size < (sizeBytes ?? 0)) return { foundBytes: size };
    for (let left = parts, at = offsetBytes; left.length > 0;) {
      const count = writevSync(fd, left, at);
      if (count === 0) return { code: undefined, message: `the file takes no bytes at ${at}` };
      at += count;
      left = without(left, count);
    }
    return undefined;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    return { code, message };
  }
}

/** What a short write has left. */
export function without(parts: readonly Uint8Array[], writtenBytes: number): Uint8Array[] {
  const left: Uint8Array[] = [];
  let skip = writtenBytes;
  for (const part of parts) {
    if (skip < part.length) left.push(part.subarray(skip));
    skip = Math.max(0, skip - part.length);
  }
  return left;
}
