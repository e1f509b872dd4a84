import { fstatSync, writevSync } from 'node:fs';
import type { LinuxFile } from '../nbd/linux-file.ts';

/** An open file that is written beside what serves clients. */
export interface OpenFile {
  fd: number;
  /** A file that is shorter by now was cut by somebody else, and a write would make it long again. @default any */
  sizeBytes?: number;
}

/** Bytes, or so many zeroes whose space may be given back. */
export type LateWrite =
  | { offsetBytes: number; parts: readonly Uint8Array[]; zeroBytes?: undefined }
  | { offsetBytes: number; zeroBytes: number };

/** Zeroes go out in pieces of this size where they cannot be punched. */
const zeroes = new Uint8Array(256 * 1024);

/** Why a write was not done. */
export type WriteFault = { code: string | undefined; message: string } | { foundBytes: number };

/** Writes that nobody waits for, by another thread. One result for each; undefined: the operating system has it. */
export interface LateWriter {
  /** Throws where the thread has died: it writes nothing any more then. */
  write(file: OpenFile, writes: readonly LateWrite[]): Promise<(WriteFault | undefined)[]>;
}

/** At once and without Node's thread pool: two wake-ups for each write cost more than the write. */
export function writeNow(
  { fd, sizeBytes }: OpenFile,
  write: LateWrite,
  linuxFile?: LinuxFile,
): WriteFault | undefined {
  const { offsetBytes } = write;
  try {
    const { size } = sizeBytes === undefined ? { size: Infinity } : fstatSync(fd);
    if (size < (sizeBytes ?? 0)) return { foundBytes: size };
    if (write.zeroBytes === undefined) return writeParts(fd, write.parts, offsetBytes);
    if (linuxFile?.zeroRangeNow(fd, offsetBytes, write.zeroBytes, { keepSpace: false })) return undefined;
    let fault: WriteFault | undefined;
    for (let done = 0; done < write.zeroBytes && !fault; done += zeroes.length)
      fault = writeParts(fd, [zeroes.subarray(0, write.zeroBytes - done)], offsetBytes + done);
    return fault;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    return { code, message };
  }
}

function writeParts(fd: number, parts: readonly Uint8Array[], offsetBytes: number): WriteFault | undefined {
  for (let left = parts, at = offsetBytes; left.length > 0;) {
    const count = writevSync(fd, left, at);
    if (count === 0) return { code: undefined, message: `the file takes no bytes at ${at}` };
    at += count;
    left = without(left, count);
  }
  return undefined;
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
