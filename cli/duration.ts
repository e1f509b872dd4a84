import { HoldfastError } from '../core/errors.ts';

const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `90s`, `15m`, `24h`, `7d` as milliseconds. Throws USAGE. */
export function parseDurationMs(text: string): number {
  const match = /^(\d{1,6})([smhd])$/.exec(text);
  if (!match)
    throw new HoldfastError('USAGE', `"${text}" is not a duration`, {
      hint: 'write it like 90s, 15m, 24h or 7d',
    });
  return Number(match[1]) * unitMs[match[2] as keyof typeof unitMs];
}

/** How long ago, or how long: `4s`, `12m`, `3h`, `9d`. */
export function shortDuration(ms: number): string {
  const abs = Math.abs(ms);
  if (abs < 60_000) return `${Math.round(abs / 1_000)}s`;
  if (abs < 3_600_000) return `${Math.round(abs / 60_000)}m`;
  return abs < 86_400_000 ? `${Math.round(abs / 3_600_000)}h` : `${Math.round(abs / 86_400_000)}d`;
}
