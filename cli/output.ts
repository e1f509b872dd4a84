import { printableLine } from '../core/printable.ts';
import { textTable } from '../core/text-table.ts';

/** Of a terminal; what is read by a program is laid out for a narrow one. */
const columnsOf = (): number => process.stdout.columns ?? 80;

/** A table that fits the terminal; `details` stand below their rows. */
export const table = (head: string[], rows: string[][], details?: (string | undefined)[]): string =>
  textTable(head, rows, { width: columnsOf(), details });

/** One object as `name  value` lines; undefined values are left out. */
export function fields(values: Record<string, string | number | boolean | undefined>): string {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  const width = Math.max(...entries.map(([name]) => name.length));
  return entries.map(([name, value]) => `${name.padEnd(width)}  ${printableLine(String(value))}`).join('\n');
}

export const json = (value: unknown): string => JSON.stringify(value, null, 2);
