/** The rate that the background of a restore was promised to keep, from a moment on. */
export interface Pace {
  bytesPerSec: number;
  /** Unix milliseconds. */
  fromMs: number;
  /** What was restored then. */
  fromBytes: number;
}

/** A promise and how it is kept. */
export interface PaceState {
  bytesPerSec: number;
  /** Unix milliseconds at which everything is restored by that rate. */
  dueAtMs: number;
  /** How much longer what is restored took than it would have by that rate; 0 where the promise is kept. */
  lateMs: number;
}

export function paceAt(
  { bytesPerSec, fromMs, fromBytes }: Pace,
  now: { atMs: number; restoredBytes: number; totalBytes: number },
): PaceState {
  const msFor = (bytes: number) => Math.ceil((Math.max(0, bytes) / bytesPerSec) * 1000);
  return {
    bytesPerSec,
    dueAtMs: fromMs + msFor(now.totalBytes - fromBytes),
    lateMs: Math.max(0, now.atMs - fromMs - msFor(now.restoredBytes - fromBytes)),
  };
}
