import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { breakages } from './breakages.ts';
import { simulate } from './simulate.ts';
import { violationMeanings, type TallyFields } from './tally.ts';

const run = fileURLToPath(new URL('run.ts', import.meta.url));
/** A broken rule shows within so many seeds, mostly within a few. */
const brokenSeedCountMax = 600;
/** Much more than it takes: other tests run beside it. */
const testMs = 300_000;

/** As people run it: jest's own environment would take several times as long. */
async function simulated(...args: string[]): Promise<TallyFields & { code: number }> {
  const done = await promisify(execFile)(process.execPath, [run, '--json', ...args]).then(
    ({ stdout }) => ({ code: 0, stdout }),
    (failed: { code: number; stdout: string }) => failed,
  );
  return { ...(JSON.parse(done.stdout) as TallyFields), code: done.code };
}

describe('connections and commands over faults, crashes, lost journals and clones', () => {
  it(
    'lose no command, start none twice, run none for a replaced connection, and end each',
    async () => {
      const sum = await simulated('--seeds', '120');
      expect(sum.first).toEqual([]);
      expect(sum.code).toBe(0);
      // The schedules are worth something only if they get everywhere.
      for (const state of ['SUCCEEDED', 'CANCELED', 'EXPIRED', 'REJECTED', 'INDETERMINATE', 'TIMED_OUT'])
        expect(sum.states[state]).toBeGreaterThan(0);
      const { clones, lostJournals, rollovers, functionsKilled, agentCrashes } = sum;
      for (const count of [clones, lostJournals, rollovers, functionsKilled, agentCrashes])
        expect(count).toBeGreaterThan(10);
      // Acks and results that get lost are said again: hardly a command ends because nobody heard of it.
      expect(sum.states['TIMED_OUT']! / sum.commands).toBeLessThan(0.03);
    },
    testMs,
  );

  it('are told in a table that ends with a verdict, and in a help that says what each count means', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [run, '--seeds', '1', '--commands', '5']);
    expect(stdout).toMatch(/\nheld: no violation in 1 seeds with \d+ commands\n$/);
    const help = (await promisify(execFile)(process.execPath, [run, '--help'])).stdout.replaceAll(
      /\s+/g,
      ' ',
    );
    for (const [name, meaning] of Object.entries(violationMeanings))
      expect(help).toContain(`${name} ${meaning}`);
    const wrong = await promisify(execFile)(process.execPath, [run, '--sead', '1']).catch(
      (failed: { stderr: string }) => failed,
    );
    expect(wrong.stderr).toMatch(/ — see npm run -s simulate:connections -- --help\n$/);
  });

  it('go the same way again with the same seed', async () => {
    const [one, again] = [
      await simulate({ seed: 3, traced: true }),
      await simulate({ seed: 3, traced: true }),
    ];
    expect(again.trace).toEqual(one.trace);
  });

  it.each(Object.keys(breakages))(
    'notice a build with %s, and say how to see it again',
    async (broken) => {
      const sum = await simulated(
        '--break',
        broken,
        '--until-violation',
        '--seeds',
        String(brokenSeedCountMax),
      );
      expect(sum.code).toBe(1);
      expect(sum.first[0]).toMatch(
        /npm run -s simulate:connections -- --start \d+ --seeds 1 --trace --break/,
      );
    },
    testMs,
  );

  it(
    'show what the design of the public samples loses',
    async () => {
      const sum = await simulated('--design', 'textbook', '--seeds', '20');
      expect(sum.nonTerminal).toBeGreaterThan(20);
      expect(sum.startedTwice).toBeGreaterThan(20);
    },
    testMs,
  );
});
