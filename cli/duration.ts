import { HoldfastError } from '../core/errors.ts';

const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** What a flag may be set to; both bounds are allowed. */
export interface DurationRange {
  readonly minMs: number;
  readonly maxMs: number;
}

/** `90s`, `15m`, `24h`, `7d` as milliseconds. Throws USAGE with the flag's name, also for what is out of range. */
export function parseDurationMs(flag: string, text: string, range?: DurationRange): number {
  const match = /^(\d{1,6})([smhd])$/.exec(text);
  if (!match)
    throw new HoldfastError('USAGE', `${flag} "${text}" is not a duration`, {
      hint: 'write it like 90s, 15m, 24h or 7d',
    });
  const ms = Number(match[1]) * unitMs[match[2] as keyof typeof unitMs];
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

/** As it would be typed, in the largest unit of which it is more than one: `24h`, `30d`, `60s`. */
function writtenDuration(ms: number): string {
  const units = Object.entries(unitMs).reverse();
  const [unit, length] = units.find(([, each]) => ms % each === 0 && ms > each) ?? ['s', unitMs.s];
  return `${ms / length}${unit}`;
}
