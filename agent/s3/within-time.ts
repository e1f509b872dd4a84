import { raceSignal } from './race-signal.ts';

/**
 * Runs one attempt with a signal that fires when the caller's does or the time is up; rejects with the signal's reason
 * then. Timer and listener go when the attempt ends: `AbortSignal.timeout` would keep thousands of them for a minute.
 */
export async function withinTime<T>(
  timeMs: number,
  signal: AbortSignal | undefined,
  attempt: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const onAbort = (): void => stop.abort(signal?.reason);
  const onTime = (): void => stop.abort(new DOMException(`no answer within ${timeMs} ms`, 'TimeoutError'));
  const timer = setTimeout(onTime, timeMs);
  signal?.addEventListener('abort', onAbort);
  if (signal?.aborted) onAbort();
  try {
    // An attempt that does not heed its signal, as the SDK after an answer that it did not understand, is left behind.
    return await raceSignal(attempt(stop.signal), stop.signal);
  } catch (error) {
    throw stop.signal.aborted ? stop.signal.reason : error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}
