import { setTimeout as timeout } from 'node:timers/promises';

/** How long and how often one call is tried again before its failure is reported. */
export interface RetryPolicy {
  attemptsMax: number;
  /** No new attempt starts later than this after the first one. */
  budgetMs: number;
  firstDelayMs: number;
  delayMaxMs: number;
}

/** S3 asks clients to slow down for seconds at a time; an hour-long upload must outlive that. */
export const defaultRetryPolicy: RetryPolicy = {
  attemptsMax: 10,
  budgetMs: 120_000,
  firstDelayMs: 100,
  delayMaxMs: 10_000,
};

export interface RetryDeps {
  now: () => number;
  sleep: (delayMs: number, signal?: AbortSignal) => Promise<void>;
  /** In [0, 1): spreads the clients of one outage. */
  random: () => number;
}

export const systemRetryDeps: RetryDeps = {
  now: () => performance.now(),
  sleep: (delayMs, signal) => timeout(delayMs, undefined, { signal }),
  random: Math.random,
};

export interface RetryOptions {
  policy: RetryPolicy;
  deps: RetryDeps;
  signal?: AbortSignal;
  /** Before each wait. */
  onRetry?: (error: unknown, delayMs: number) => void;
}

/** Runs `attempt` until it succeeds, `isTransient` denies the failure, or the policy is used up. */
export async function withRetries<T>(
  attempt: (attemptNumber: number) => Promise<T>,
  isTransient: (error: unknown) => boolean | Promise<boolean>,
  { policy, deps, signal, onRetry }: RetryOptions,
): Promise<T> {
  const startedAt = deps.now();
  for (let attemptNumber = 1; ; attemptNumber += 1) {
    signal?.throwIfAborted();
    try {
      return await attempt(attemptNumber);
    } catch (error) {
      signal?.throwIfAborted();
      if (attemptNumber >= policy.attemptsMax || !(await isTransient(error))) throw error;
      const ceilingMs = Math.min(policy.delayMaxMs, policy.firstDelayMs * 2 ** (attemptNumber - 1));
      const delayMs = ceilingMs * (0.5 + 0.5 * deps.random());
      if (deps.now() - startedAt + delayMs > policy.budgetMs) throw error;
      onRetry?.(error, delayMs);
      await deps.sleep(delayMs, signal).catch(() => signal?.throwIfAborted());
    }
  }
}
