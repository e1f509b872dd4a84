import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Rules of the repository itself, kept by a test instead of by goodwill. */
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((name) => name !== '' && existsSync(join(root, name)));
const read = (name: string): string => readFileSync(join(root, name), 'utf8');
const sources = files.filter((name) => /\.(ts|js)$/.test(name));

test('product files stay short enough to be read at a sitting', () => {
  const long = sources
    .filter((name) => !/^(test|bench)\//.test(name))
    .filter((name) => read(name).split('\n').length > 300);
  expect(long).toEqual([]);
});

test('there is no utils file and no barrel', () => {
  expect(sources.filter((name) => /(^|\/)(utils?|helpers?|index)\.(ts|js)$/.test(name))).toEqual([]);
});

test('file names are kebab-case', () => {
  expect(sources.filter((name) => !/^(\.?[a-z0-9-]+\/)*[a-z0-9-]+(\.[a-z0-9-]+)*$/.test(name))).toEqual([]);
});

test('every relative link of a page leads somewhere', () => {
  const dead = files
    .filter((name) => name.endsWith('.md'))
    .flatMap((name) =>
      [...read(name).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)]
        .map((match) => join(dirname(name), match[1] ?? ''))
        .filter((target) => !existsSync(join(root, target)))
        .map((target) => `${name} → ${target}`),
    );
  expect(dead).toEqual([]);
});

test('dependencies are pinned to one version', () => {
  const manifest = JSON.parse(read('package.json')) as Record<string, Record<string, string>>;
  const all = {
    ...manifest['dependencies'],
    ...manifest['devDependencies'],
    ...manifest['optionalDependencies'],
  };
  expect(Object.entries(all).filter(([, range]) => !/^(npm:[^^~]+@)?\d+\.\d+\.\d+$/.test(range))).toEqual([]);
});

test('command lines that are printed to be typed go through `typed`, which knows how', () => {
  const commandLine =
    /\bholdfast(-agent)? (up|activation|gateways|send|commands|bulk|alerts|fleet|admin|activate|run|status|volume|snapshot|restore|serve)\b/;
  const untyped = sources
    .filter((name) => /^(admin|agent|bin|cli(?!\/demo)|core|lambda|local)\//.test(name))
    .flatMap((name) =>
      read(name)
        .split('\n')
        .filter((line) => !/^\s*(\*|\/\/|\/\*\*)/.test(line))
        .filter((line) => commandLine.test(line.replaceAll(/(typed|typedNext|toType)\(\s*['`]holdfast/g, '')))
        .map((line) => `${name}: ${line.trim()}`),
    );
  expect(untyped).toEqual([]);
});
