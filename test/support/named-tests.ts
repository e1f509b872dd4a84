import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../..', import.meta.url));
let files: Map<string, string> | undefined;

/** Whether a page's `test/….test.ts` “name of a test” is there. */
export function isNamedTest(text: string): boolean {
  const [, file = '', name = ''] = /`(test\/[\w./-]+)`[^“]*“([^”]+)”/.exec(text) ?? [];
  return testFiles().get(file)?.includes(name) ?? false;
}

function testFiles(): Map<string, string> {
  const names = readdirSync(`${repository}/test`, { recursive: true, encoding: 'utf8' });
  return (files ??= new Map(
    names
      .filter((name) => name.endsWith('.test.ts'))
      .map((name) => [
        `test/${name}`,
        readFileSync(`${repository}/test/${name}`, 'utf8').replace(/\\'/g, "'"),
      ]),
  ));
}
