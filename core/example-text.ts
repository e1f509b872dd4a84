import { typed } from './typed.ts';

const helpColumns = 80;

/** The end of a command's help; each example is what follows the program's name. */
export const examplesOf = (program: 'holdfast' | 'holdfast-agent', examples: readonly string[]): string =>
  `\nExamples:\n${examples.map((line) => folded(`  $ ${typed(`${program} ${line}`)}`)).join('\n')}`;

/**
 * A long command line, continued before a flag or behind a pipe as a shell lets it be; a comment has a line of its own
 * below it.
 */
function folded(line: string): string {
  if (line.length <= helpColumns) return line;
  const [typedLine = '', comment] = line.split(/\s+(?=# )/);
  const lines: string[] = [];
  let current = '';
  for (const part of typedLine.split(/(?<=\S) (?=-)|(?<=\|) /)) {
    const longer = current === '' ? part : `${current} ${part}`;
    if (longer.length > helpColumns - 2 && current !== '') {
      lines.push(`${current} \\`);
      current = `      ${part}`;
    } else current = longer;
  }
  return [...lines, current, ...(comment === undefined ? [] : [`      ${comment}`])].join('\n');
}
