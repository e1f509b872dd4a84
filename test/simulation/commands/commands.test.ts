import { simulate } from './run.ts';
import { sabotages } from './sabotage.ts';

/** `HOLDFAST_SEEDS=1000-2000` runs other schedules; a failing one names its seed and what happened in it. */
const [first = 1, last = 120] = (process.env['HOLDFAST_SEEDS'] ?? '').split('-').filter(Boolean).map(Number);
const sabotageSeedCountMax = 1_000;

describe('commands over faults, crashes and a clone', () => {
  it('are never lost, never started twice, and always end; the newest connection wins', async () => {
    const states: Record<string, number> = {};
    for (let seed = first; seed <= last; seed++) {
      const { problems, trace, states: reached } = await simulate(seed);
      if (problems.length > 0)
        throw new Error(`seed ${seed}:\n${problems.join('\n')}\n${trace.slice(-400).join('\n')}`);
      for (const [state, count] of Object.entries(reached)) states[state] = (states[state] ?? 0) + count;
    }
    // The schedules are worth something only if they get everywhere.
    if (last - first >= 100)
      for (const state of ['SUCCEEDED', 'CANCELED', 'INDETERMINATE'])
        expect(states[state]).toBeGreaterThan(5);
  });

  it.each(Object.entries(sabotages))('notice %s', async (_, sabotage) => {
    let problems: string[] = [];
    for (let seed = 1; seed <= sabotageSeedCountMax && problems.length === 0; seed++)
      ({ problems } = await simulate(seed, sabotage));
    expect(problems).not.toEqual([]);
  });
});
