import { writeSync } from 'node:fs';
import type { LinuxFile } from './linux-file.ts';

/**
 * Reads and writes of an open file that wait for no disk. They spare small requests a thread and its two wake-ups.
 * Both are false where they would wait, or fail: then the same is to be done again by a thread, which can wait and
 * says why it fails.
 */
export interface FileNow {
  /** Fills `into` from the page cache; where not all of it is there, `into` holds anything. */
  read(into: Uint8Array, offsetBytes: number): boolean;
  /** Writes to the page cache; where that is refused, the range may hold a part of `from`. */
  write(from: Uint8Array, offsetBytes: number): boolean;
}

/** A write to the page cache takes microseconds. One that takes longer has waited, for the disk or a processor. */
const slowMs = 1;
/**
 * A disk that does not keep up makes writers wait nearly all of the time, a busy machine a smaller part of it. So half
 * of the time that goes by is taken off what slow writes took, and above this much threads take over for a while.
 */
const waitedMaxMs = 100;
const threadsForMs = 10_000;
/** A part of a page that is not in the cache would have to be read first. */
const pageBytes = 4096;

export function fileNow(
  fd: number,
  {
    linuxFile,
    blockBytes,
    nowMs = () => performance.now(),
  }: { linuxFile: LinuxFile | undefined; blockBytes: number; nowMs?: () => number },
): FileNow {
  const wholeBytes = Math.max(pageBytes, blockBytes);
  let canRead = linuxFile !== undefined;
  let waitedMs = 0;
  let waitedAtMs = 0;
  let threadsUntilMs = -Infinity;
  const noteSlow = (startMs: number, endMs: number): void => {
    waitedMs = Math.max(0, waitedMs - (startMs - waitedAtMs) / 2) + (endMs - startMs);
    waitedAtMs = endMs;
    if (waitedMs <= waitedMaxMs) return;
    waitedMs = 0;
    threadsUntilMs = endMs + threadsForMs;
  };
  return {
    read: (into, offsetBytes) => {
      if (!canRead) return false;
      const count = linuxFile!.readNow(fd, into, offsetBytes);
      canRead = count !== undefined;
      return count === into.length;
    },
    write: (from, offsetBytes) => {
      if (offsetBytes % wholeBytes !== 0 || from.length % wholeBytes !== 0) return false;
      const startMs = nowMs();
      if (startMs < threadsUntilMs) return false;
      try {
        return writeSync(fd, from, 0, from.length, offsetBytes) === from.length;
      } catch {
        return false;
      } finally {
        const endMs = nowMs();
        if (endMs - startMs > slowMs) noteSlow(startMs, endMs);
      }
    },
  };
}
