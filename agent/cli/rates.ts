import { HoldfastError } from '../../core/errors.ts';
import { bytesText, durationText } from '../../core/readable.ts';
import type { PaceState } from '../../core/restore/pace.ts';
import { parseBandwidth } from './units.ts';

/** `--bandwidth` and `--promise` in bytes a second. Throws USAGE where one is no rate, or the limit forbids the promise. */
export function ratesOf(flags: { bandwidth?: string; promise?: string }): {
  bandwidthBytesPerSec?: number;
  promisedBytesPerSec?: number;
} {
  const limit = flags.bandwidth === undefined ? undefined : parseBandwidth(flags.bandwidth);
  const promised = flags.promise === undefined ? undefined : parseBandwidth(flags.promise);
  if (limit !== undefined && promised !== undefined && promised > limit)
    throw new HoldfastError(
      'USAGE',
      `--promise ${flags.promise} cannot be kept within --bandwidth ${flags.bandwidth}`,
      { hint: 'promise less, or leave the limit out' },
    );
  return {
    ...(limit !== undefined && { bandwidthBytesPerSec: limit }),
    ...(promised !== undefined && { promisedBytesPerSec: promised }),
  };
}

/** `due in 4m as promised`, `12s behind the promised 50.0 MiB/s`. */
export function promiseText({ bytesPerSec, dueAtMs, lateMs }: PaceState, nowMs: number): string {
  if (lateMs >= 1_000) return `${durationText(lateMs)} behind the promised ${bytesText(bytesPerSec)}/s`;
  return `due in ${durationText(Math.max(0, dueAtMs - nowMs))} as promised`;
}
