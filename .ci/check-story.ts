import { readFileSync } from 'node:fs';

/** `node .ci/check-story.ts FILE`: the README shows what the demo printed, but for numbers, ids and times. */
const [file = ''] = process.argv.slice(2);
const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const story = /```text\n(\[1\/7\][\s\S]*?)```/.exec(readme)?.[1] ?? '';

/** A second attempt at a command adds lines to the trail, so it is left out line by line; its first line stays. */
const shape = (text: string): string[] =>
  text
    .trim()
    .split('\n')
    .filter((line) => !/^ {20,}/.test(line))
    .map((line) => line.trimEnd().replace(/\b(gw-|t-)?[0-9a-z]*\d[0-9a-z.:Z-]*/g, '#'));

const shown = shape(story);
const printed = shape(readFileSync(file, 'utf8'));
const at = shown.findIndex((line, i) => line !== printed[i]);
if (at >= 0 || shown.length !== printed.length) {
  const where = at >= 0 ? at : Math.min(shown.length, printed.length);
  process.stderr.write(`README's story is not the demo's, line ${where + 1}:\n`);
  process.stderr.write(`  README: ${shown[where] ?? '(ends)'}\n  demo:   ${printed[where] ?? '(ends)'}\n`);
  process.exitCode = 1;
}
