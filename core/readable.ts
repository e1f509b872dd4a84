/** How sizes, times and shares are written for people: the same by both command lines. */

/** Bytes with a binary unit: `512 B`, `1.5 GiB`. */
export function bytesText(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let value = Math.round(count);
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** Unix ms as `2026-11-22 10:15:36Z`; `-` without one. */
export const timeText = (unixMs: number | undefined): string =>
  unixMs === undefined ? '-' : `${new Date(unixMs).toISOString().slice(0, 19).replace('T', ' ')}Z`;

const units: [name: string, seconds: number][] = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
];

/** How long: `4s`, `1m 5s`, `12m`, `3h 10m`, `9d`. The second unit only where the first is below ten of it. */
export function durationText(ms: number): string {
  const seconds = Math.round(Math.abs(ms) / 1_000);
  const [at] = units.flatMap(([, length], i) => (seconds >= length ? [i] : []));
  if (at === undefined) return `${seconds}s`;
  const [[name, length], [nextName, nextLength]] = [units[at] ?? ['s', 1], units[at + 1] ?? ['s', 1]];
  const count = Math.floor(seconds / length);
  const rest = Math.floor((seconds % length) / nextLength);
  return count >= 10 || rest === 0 ? `${count}${name}` : `${count}${name} ${rest}${nextName}`;
}

/** A share as `42 %`; rounded down, so that only the whole is `100 %`. */
export const percentText = (fraction: number): string => `${Math.floor(Math.min(1, fraction) * 100)} %`;
