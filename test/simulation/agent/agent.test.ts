import { simulate } from '../commands/run.ts';
import { AgentHost } from './agent-host.ts';

/** `HOLDFAST_SEEDS=1000-2000` runs other schedules; a failing one names its seed and what happened in it. */
const [first = 1, last = 100] = (process.env['HOLDFAST_SEEDS'] ?? '').split('-').filter(Boolean).map(Number);

it('the real agent and the real handlers lose no command, start none twice, and come to rest', async () => {
  const states: Record<string, number> = {};
  for (let seed = first; seed <= last; seed++) {
    const { problems, trace, states: reached } = await simulate(seed, undefined, AgentHost);

    if (problems.length > 0)
      throw new Error(`seed ${seed}:\n${problems.join('\n')}\n${trace.slice(-400).join('\n')}`);
    for (const [state, count] of Object.entries(reached)) states[state] = (states[state] ?? 0) + count;
  }
  if (last - first < 99) return;
  // The schedules are worth something only if they get everywhere.
  for (const state of ['SUCCEEDED', 'CANCELED', 'INDETERMINATE']) expect(states[state]).toBeGreaterThan(5);
  // Acks and results that get lost are said again: hardly a command ends because nobody heard of it.
  const count = Object.values(states).reduce((sum, each) => sum + each, 0);
  expect((states['TIMED_OUT'] ?? 0) / count).toBeLessThan(0.03);
});
