import { callsPerCommand } from '../../bench/connections/calls.ts';

const cellCounts = [1, 4, 16, 64];
const calls = (mode: Parameters<typeof callsPerCommand>[0]) =>
  Promise.all(cellCounts.map((cellCount) => callsPerCommand(mode, cellCount)));

describe('what a command costs', () => {
  it.each(['registry', 'hybrid'] as const)('is the same with 1 and with 64 cells by %s', async (mode) => {
    const [one, ...more] = await calls(mode);
    // As docs/performance.md and the cost model have it.
    expect(one).toEqual({ reads: 10, writes: 8, posts: 2, deliveries: 1 });
    for (const each of more) expect(each).toEqual(one);
  });

  it('grows by a question to each cell by broadcast', async () => {
    const found = await calls('broadcast');
    expect(found.map(({ deliveries }) => deliveries)).toEqual(cellCounts.map((count) => count + 1));
    expect(found.map(({ writes }) => writes)).toEqual(cellCounts.map(() => found[0]!.writes));
  });
});
