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

/** A write that took longer has waited: where the disk does not keep up, the kernel holds writers up by 10 ms and more. */
const waitedMs = 8;
/** After a wait writes go by threads for so many times as long: the loop stands still for 1 % of the time at most. */
const threadsPerWait = 100;
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
  let threadsUntilMs = -Infinity;
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
        const tookMs = nowMs() - startMs;
        if (tookMs > waitedMs) threadsUntilMs = startMs + tookMs * threadsPerWait;
      }
    },
  };
}
