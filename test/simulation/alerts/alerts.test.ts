import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { breakages } from './breakages.ts';
import { simulate } from './simulate.ts';
import { violationMeanings, violationNames, type Reached } from './tally.ts';

const run = fileURLToPath(new URL('run.ts', import.meta.url));
/** A broken rule shows within so many seeds, mostly within a few. */
const brokenSeedsMax = 200;
/** Much more than it takes: other tests run beside it. */
const testMs = 300_000;

describe('alerts over crashes, rival proxies, refused events, redelivery and reordering', () => {
  it(
    'are told once, resolved once, and never told while somebody holds them',
    async () => {
      const { stdout } = await promisify(execFile)(process.execPath, [run, '--json', '--seeds', '160']);
      const { first, ...counts } = JSON.parse(stdout) as Record<string, number> & { first: string[] };
      expect(first).toEqual([]);
      expect(violationNames.filter((name) => counts[name] !== 0)).toEqual([]);
      // The schedules are worth something only if they get everywhere.
      const reached: (keyof Reached)[] = [
        'firings',
        'reminders',
        'escalations',
        'digests',
        'holds',
        'removals',
      ];
      reached.push(
        'acknowledgements',
        'crashes',
        'conflicts',
        'refusedEntries',
        'redeliveries',
        'reorderings',
      );
      for (const name of reached) expect({ name, enough: counts[name]! > 3 }).toEqual({ name, enough: true });
    },
    testMs,
  );

  it('go the same way again with the same seed', async () => {
    expect(await simulate(3)).toEqual(await simulate(3));
    expect((await simulate(3)).reached).not.toEqual((await simulate(4)).reached);
  });

  it.each(Object.keys(breakages))(
    'show that a rule is broken: %s',
    async (name) => {
      for (let seed = 1; seed <= brokenSeedsMax; seed++)
        if ((await simulate(seed, name)).violationCount > 0) return;
      throw new Error(`${brokenSeedsMax} seeds show nothing`);
    },
    testMs,
  );

  it('have a page that says what each count means, and lists the broken rules', () => {
    const [, proof = ''] = readFileSync('docs/alerts.md', 'utf8').split('### How it is proven');
    const [page = ''] = proof.split('###');
    const listed = [...page.matchAll(/^- `(\w+)`: (.+)$/gm)].map(([, name, meaning]) => [name, meaning]);
    expect(listed).toEqual(Object.entries(violationMeanings));
    const rules = [...page.matchAll(/^\| `([a-z-]+)` +\| .+ \|$/gm)].map(([, name]) => name);
    expect(rules).toEqual(Object.keys(breakages));
  });
});
