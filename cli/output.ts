import Table from 'cli-table3';
import { printableLine } from '../core/printable.ts';

const noBorders = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** A table without borders that fits the terminal: the last column is cut where it must be. */
export function table(head: string[], given: string[][], columns = process.stdout.columns ?? 100): string {
  const rows = given.map((row) => row.map(printableLine));
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => (row[i] ?? '').length)));
  const used = widths.slice(0, -1).reduce((sum, width) => sum + width + 2, 0);
  const lastWidth = Math.max(10, columns - used - 1);
  const view = new Table({
    head,
    chars: noBorders,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  for (const row of rows)
    view.push(row.map((cell, i) => (i === row.length - 1 ? cut(cell, lastWidth) : cell)));
  return view
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

const cut = (text: string, width: number): string =>
  text.length <= width ? text : `${text.slice(0, width - 1)}…`;

/** One object as `name  value` lines; undefined values are left out. */
export function fields(values: Record<string, string | number | boolean | undefined>): string {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  const width = Math.max(...entries.map(([name]) => name.length));
  return entries.map(([name, value]) => `${name.padEnd(width)}  ${printableLine(String(value))}`).join('\n');
}

export const json = (value: unknown): string => JSON.stringify(value, null, 2);

/** Unix ms as `2026-11-22 10:15:36Z`. */
export const time = (ms: number | undefined): string =>
  ms === undefined
    ? '-'
    : new Date(ms)
        .toISOString()
        .replace('T', ' ')
        .replace(/\.\d+Z$/, 'Z');

/** Bytes with a binary unit. */
export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const unit = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, count)) / 10)));
  return `${unit === 0 ? count : (count / 1024 ** unit).toFixed(1)} ${units[unit]}`;
}
