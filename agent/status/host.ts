import { open, readdir, statfs } from 'node:fs/promises';
import { hostname } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** What the collectors may ask of the host; tests feed recorded texts. */
export interface Host {
  /** A small text file of /proc, /sys or /etc; rejects where there is none. */
  readText(path: string): Promise<string>;
  /** Names in a folder; rejects where there is none. */
  list(path: string): Promise<string[]>;
  /** Sizes of the file system at `path`, in blocks of `bsize` bytes. */
  statfs(path: string): Promise<{ bsize: number; blocks: number; bfree: number; bavail: number }>;
  hostname(): string;
  /** Of this process. */
  residentBytes(): number;
  /** 99th percentile of the event loop's delay since the last call, ms. */
  eventLoopDelayP99Ms(): number;
  /** Unix ms. */
  now(): number;
}

/** A file of /proc has no size to look up before; longer ones are cut and the parsers skip the cut line. */
const textBytesMax = 1024 * 1024;
/** Most files of /sys have a line. */
const firstBytes = 4 * 1024;

export function linuxHost(): Host {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  return {
    readText,
    list: (path) => readdir(path),
    statfs: (path) => statfs(path),
    hostname,
    residentBytes: () => process.memoryUsage.rss(),
    eventLoopDelayP99Ms: () => {
      const ms = delay.percentile(99) / 1e6;
      delay.reset();
      return Number.isFinite(ms) ? ms : 0;
    },
    now: Date.now,
  };
}

async function readText(path: string): Promise<string> {
  await using file = await open(path);
  const parts: Buffer[] = [];
  let length = 0;
  while (length < textBytesMax) {
    const size = Math.min(Math.max(firstBytes, 4 * length), textBytesMax - length);
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(size));
    if (bytesRead === 0) break;
    parts.push(buffer.subarray(0, bytesRead));
    length += bytesRead;
  }
  return Buffer.concat(parts).toString();
}
