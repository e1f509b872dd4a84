import { setTimeout as sleep } from 'node:timers/promises';
import { HoldfastError } from '../core/errors.ts';
import type { CliDeps } from './program.ts';
import { isPassing } from './submit-command.ts';

interface Polling<T> {
  /** `command 5d1f`. */
  what: string;
  /** The line that shows it later. */
  look: string;
  from: T;
  ask: (signal: AbortSignal) => Promise<T>;
  isOver: (current: T) => boolean;
  /** Told each time what it is, also first and last. */
  seen: (current: T) => void;
  everyMs: number;
  timeoutMs: number;
  /** Ends the waiting. @default nothing does */
  stop?: AbortSignal;
  /** What is thrown where the time is over. @default TIMEOUT; what is waited for goes on */
  late?: (current: T) => HoldfastError | undefined;
}

/** Where nobody answers. */
const everyMaxMs = 10_000;
/** The last question may be as late as that. */
const answerMinMs = 5_000;

/**
 * Asks until it is over. Where nobody answers, or the answer is that it may pass, it says so once on standard error and
 * asks on, more seldom each time. Throws TIMEOUT, or what was in the way when the time was over; and what cannot pass.
 */
export async function pollUntil<T extends { state: string }>(
  { now, stderr }: Pick<CliDeps, 'now' | 'stderr'>,
  polling: Polling<T>,
): Promise<T> {
  const { what, look, ask, isOver, seen, everyMs, stop = new AbortController().signal, late } = polling;
  const deadline = now() + polling.timeoutMs;
  let current = polling.from;
  let waitMs = everyMs;
  let inTheWay: HoldfastError | undefined;
  let wasTold = false;
  for (;;) {
    if (!inTheWay) seen(current);
    if (isOver(current)) return current;
    const leftMs = deadline - now();
    if (leftMs < 0) {
      const hint = `it goes on: ${look}`;
      if (inTheWay)
        throw new HoldfastError(
          inTheWay.code,
          `${inTheWay.message}; ${what} was ${current.state} when it was last seen`,
          { hint, cause: inTheWay.cause },
        );
      throw late?.(current) ?? new HoldfastError('TIMEOUT', `${what} is still ${current.state}`, { hint });
    }
    await sleep(Math.min(waitMs, leftMs), undefined, { signal: stop });
    try {
      current = await ask(AbortSignal.any([stop, AbortSignal.timeout(Math.max(leftMs, answerMinMs))]));
      inTheWay = undefined;
      waitMs = everyMs;
    } catch (thrown) {
      if (stop.aborted || !isPassing(thrown)) throw thrown;
      if (!wasTold) stderr(`${thrown.message}; asking on until the time is over; to look later: ${look}`);
      wasTold = true;
      inTheWay = thrown;
      waitMs = Math.min(2 * waitMs, everyMaxMs);
    }
  }
}
