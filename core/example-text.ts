import { typed } from './typed.ts';

const commandColumns = 80;

/** The end of a command's help; each example is what follows the program's name. */
export const examplesOf = (program: 'holdfast' | 'holdfast-agent', examples: readonly string[]): string =>
  `\nExamples:\n${examples.map((line) => foldedCommand(`  $ ${typed(`${program} ${line}`)}`)).join('\n')}`;

/**
 * A long command line, continued before a flag or behind a pipe as a shell lets it be; a comment has a line of its own
 * below it. One with a quoted word stays whole: within it a shell takes the end of a line for a part of the word.
 */
export function foldedCommand(line: string): string {
  if (line.length <= commandColumns || /'.* .*'/.test(line)) return line;
  const [typedLine = '', comment] = line.split(/\s+(?=# )/);
  const lines: string[] = [];
  let current = '';
  for (const part of typedLine.split(/(?<=\S) (?=-)|(?<=\|) /)) {
    const longer = current === '' ? part : `${current} ${part}`;
    if (longer.length > commandColumns - 2 && current !== '') {
      lines.push(`${current} \\`);
      current = `      ${part}`;
    } else current = longer;
  }
  return [...lines, current, ...(comment === undefined ? [] : [`      ${comment}`])].join('\n');
}
