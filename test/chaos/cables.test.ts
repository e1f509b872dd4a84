import { pullCables } from './cables.ts';

it('brings every command to its right end however the cables are pulled', async () => {
  const report = await pullCables({
    seed: 1,
    isOver: ({ pulls, commands }) => pulls >= 12 && commands >= 150,
    silenceLasts: false,
    quietMs: 150_000,
  });
  expect(report).toMatchObject({ violations: 0, first: [] });
  const { cuts, blackholes, delays, refusals } = report;
  expect(Math.min(cuts, blackholes, delays, refusals)).toBeGreaterThan(0);
}, 300_000);
