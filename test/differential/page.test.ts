import { readFileSync } from 'node:fs';
import { noticeDifferences, ruleDifferences } from './differences.ts';

const page = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');
const section = (title: string): string =>
  page('alerts-and-prometheus.md').split(`## ${title}\n`)[1]?.split('\n## ')[0] ?? '';

describe('docs/alerts-and-prometheus.md', () => {
  it.each([
    ['When an alert fires', ruleDifferences],
    ['Who is told', noticeDifferences],
  ])('lists under “%s” every difference and no other, each with its reason', (title, differences) => {
    const rows = [...section(title).matchAll(/^\| `([a-z-]+)` +\| (.+?) +\| (.+?) +\| (.+?) +\|$/gm)];
    const listed = rows.map(([, id, prometheus, holdfast]) => ({ id, prometheus, holdfast }));
    expect(listed).toEqual(differences);
    for (const [, id, , , why] of rows) expect([id, why]).toEqual([id, expect.stringMatching(/\w{3}.*\.$/)]);
  });

  it.each(['../README.md', 'alerts.md'])('is linked from %s', (from) => {
    expect(page(from)).toMatch(/\]\((docs\/)?alerts-and-prometheus\.md\)/);
  });
});
