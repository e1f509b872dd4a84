import { readFileSync } from 'node:fs';
import { errorCodes } from '../core/errors.ts';
import { resourceTypes } from '../local/template/types.ts';

const page = (name: string): string => readFileSync(new URL(`../docs/${name}`, import.meta.url), 'utf8');

it('docs/errors.md lists every code with its exit code and HTTP status', () => {
  const rows = [...page('errors.md').matchAll(/^\| `([A-Z_]+)` +\| (\d+) +\| (\d+) +\|/gm)];
  const listed = rows.map(([, code, exit, http]) => [code, { exit: Number(exit), http: Number(http) }]);
  expect(Object.fromEntries(listed)).toEqual(errorCodes);
});

it('docs/local.md lists the resource types that boot on one machine', () => {
  const listed = [...page('local.md').matchAll(/^- `(AWS::[^`]+)`$/gm)].map(([, type]) => type);
  expect(listed).toEqual(Object.keys(resourceTypes));
});
