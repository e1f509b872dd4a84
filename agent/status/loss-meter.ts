import type { TcpCounters } from './proc.ts';

/** Fewer say nothing: one of them would be a percent. */
const segmentsMin = 200;
const windowMs = 60 * 60_000;
const everyMs = 60_000;

/**
 * The share of the host's TCP segments that were sent again, over the last while in which there were enough of them to
 * tell; undefined where an hour has not so many. What is sent again was mostly lost.
 */
export function createLossMeter(): (tcp: TcpCounters | undefined, at: number) => number | undefined {
  let seen: (TcpCounters & { at: number })[] = [];
  return (tcp, at) => {
    if (!tcp) return undefined;
    // One of the future is from before the clock was set back.
    seen = seen.filter((old) => old.at <= at && at - old.at <= windowMs);
    const since = seen.findLast(({ sent }) => tcp.sent - sent >= segmentsMin);
    if (at - (seen.at(-1)?.at ?? -Infinity) >= everyMs) seen.push({ ...tcp, at });
    return since && Math.min(1, Math.max(0, tcp.sentAgain - since.sentAgain) / (tcp.sent - since.sent));
  };
}
