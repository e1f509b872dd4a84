import { HoldfastError } from '../../core/errors.ts';

const sizeUnits: Record<string, number> = { '': 1, B: 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 };
const durationUnits: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `4096`, `256K`, `256KiB`, `10GiB` → bytes; units are powers of 1024. Throws USAGE. */
export function parseSizeBytes(text: string): number {
  const match = /^(\d{1,15})([KMGT]?)(?:i?B)?$/.exec(text.trim());
  const bytes = match ? Number(match[1]) * sizeUnits[match[2]!]! : Number.NaN;
  if (Number.isSafeInteger(bytes)) return bytes;
  throw new HoldfastError('USAGE', `“${text.slice(0, 40)}” is not a size`, {
    hint: 'write 256KiB, 10GiB or 4096',
  });
}

/** `90s`, `15m`, `36h`, `7d` → milliseconds. Throws USAGE. */
export function parseDurationMs(text: string): number {
  const match = /^(\d{1,9})([smhd])$/.exec(text.trim());
  if (match) return Number(match[1]) * durationUnits[match[2]!]!;
  throw new HoldfastError('USAGE', `“${text.slice(0, 40)}” is not a duration`, {
    hint: 'write 90s, 15m, 36h or 7d',
  });
}

/** `1.5 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** `1:02:03` or `2:03`. */
export function formatDuration(durationMs: number): string {
  const seconds = Math.round(durationMs / 1000);
  const two = (value: number) => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}
