import { printableLine } from './printable.ts';

const gap = '  ';
const defaultIndent = '  ';

/**
 * A table without borders of which nothing is cut. Where a row does not fit, the last column stands below its row, and
 * so do `details`, row by row; both are wrapped at words. Text that others wrote is made printable.
 */
export function textTable(
  head: readonly string[],
  given: readonly (readonly string[])[],
  { width, details = [] }: { width: number; details?: readonly (string | undefined)[] },
): string {
  const rows = given.map((row) => row.map(printableLine));
  const widths = head.map((name, i) => Math.max(...[name, ...rows.map((row) => row[i] ?? '')].map(cellsOf)));
  const fits = widths.reduce((sum, each) => sum + each + gap.length, -gap.length) <= width;
  const count = fits ? head.length : head.length - 1;
  const line = (row: readonly string[]): string =>
    row
      .slice(0, count)
      .map((cell, i) => cell + ' '.repeat((widths[i] ?? 0) - cellsOf(cell)))
      .join(gap)
      .trimEnd();
  const below = (row: readonly string[], i: number): string[] =>
    [fits ? undefined : row.at(-1), details[i] && printableLine(details[i])].flatMap((text) =>
      text && text !== '-' ? wrapped(text, width) : [],
    );
  return [line(head), ...rows.flatMap((row, i) => [line(row), ...below(row, i)])].join('\n');
}

/** A word that is longer than a line stays whole: an address or a path is there to be copied. */
function wrapped(text: string, width: number, indent = defaultIndent): string[] {
  const lines: string[] = [];
  let current = indent;
  for (const word of text.split(' ')) {
    const longer = current === indent ? current + word : `${current} ${word}`;
    if (cellsOf(longer) > width && current !== indent) {
      lines.push(current);
      current = indent + word;
    } else current = longer;
  }
  return [...lines, current];
}

/** `prefix` and the text, wrapped at words; further lines begin below the text. Both are made printable. */
export function wrappedText(
  text: string,
  { width, prefix = defaultIndent }: { width: number; prefix?: string },
): string {
  const start = printableLine(prefix);
  const cells = cellsOf(start);
  const [first = '', ...rest] = wrapped(printableLine(text), width, ' '.repeat(cells));
  return [start + first.slice(cells), ...rest].join('\n');
}

const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
const withoutWidth = /[\p{Mn}\p{Me}\u200b-\u200d]/gu;

/** Columns of a terminal that the text takes. */
const cellsOf = (text: string): number =>
  [...text.replace(withoutWidth, '')].reduce((sum, character) => sum + (wide.test(character) ? 2 : 1), 0);
