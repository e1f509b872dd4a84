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

/** A size of at least one byte, each second. Throws USAGE. */
export function parseBandwidth(text: string): number {
  const bytesPerSec = parseSizeBytes(text);
  if (bytesPerSec > 0) return bytesPerSec;
  throw new HoldfastError('USAGE', 'a bandwidth of 0 would never end', {
    hint: 'write 20MiB, or leave it out for no limit',
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
