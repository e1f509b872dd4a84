import { foldedCommand } from '../core/example-text.ts';
import { printableLine } from '../core/printable.ts';
import { textTable, wrappedText } from '../core/text-table.ts';

/** Of a terminal; what is read by a program is laid out for a narrow one. */
const columnsOf = (): number => process.stdout.columns ?? 80;

/** A table that fits the terminal; `details` stand below their rows. */
export const table = (head: string[], rows: string[][], details?: (string | undefined)[]): string =>
  textTable(head, rows, { width: columnsOf(), details });

/** A text that others wrote, wrapped behind `prefix`. */
export const paragraph = (text: string, prefix?: string): string =>
  wrappedText(text, { width: columnsOf(), ...(prefix === undefined ? {} : { prefix }) });

/**
 * One object as `name  value` lines; undefined values are left out. What is there to be copied stays on its line, unless
 * it `wraps` below the value.
 */
export function fields(
  values: Record<string, string | number | boolean | undefined>,
  { wraps = false }: { wraps?: boolean } = {},
): string {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  const width = Math.max(...entries.map(([name]) => name.length));
  const line = wraps ? paragraph : (value: string, prefix: string) => prefix + printableLine(value);
  return entries.map(([name, value]) => line(String(value), `${name.padEnd(width)}  `)).join('\n');
}

/** What is to be typed next, on lines of its own below what it is for. */
export const toBeTyped = (what: string, commandLine: string): string =>
  `${what}:\n${foldedCommand(`  ${commandLine}`)}`;

export const json = (value: unknown): string => JSON.stringify(value, null, 2);
