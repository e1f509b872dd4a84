import { durationMsOf, writtenDuration } from '../core/duration.ts';
import { HoldfastError } from '../core/errors.ts';

/** What a flag may be set to; both bounds are allowed. */
export interface DurationRange {
  readonly minMs: number;
  readonly maxMs: number;
}

/** `90s`, `15m`, `24h`, `7d` as milliseconds. Throws USAGE with the flag's name, also for what is out of range. */
export function parseDurationMs(flag: string, text: string, range?: DurationRange): number {
  const ms = durationMsOf(text);
  if (ms === undefined)
    throw new HoldfastError('USAGE', `${flag} "${text}" is not a duration`, {
      hint: 'write it like 90s, 15m, 24h or 7d',
    });
  if (range && ms > range.maxMs) throw outOfRange(flag, 'most', range.maxMs);
  if (range && ms < range.minMs) throw outOfRange(flag, 'least', range.minMs);
  return ms;
}

function outOfRange(flag: string, which: 'most' | 'least', boundMs: number): HoldfastError {
  const bound = writtenDuration(boundMs);
  // `--set name` takes its value behind a sign.
  const hint = `write ${flag}${flag.includes(' ') ? '=' : ' '}${bound}`;
  return new HoldfastError('USAGE', `${flag} is at ${which} ${bound}`, { hint });
}
