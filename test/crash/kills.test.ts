import { crashKill } from './kills.ts';

it('loses nothing that was acknowledged when the restoring process is killed again and again', async () => {
  const report = await crashKill({ kills: 8, seed: 2 });
  expect(report).toMatchObject({ kills: 8, violations: 0, first: [] });
  expect(Math.min(report.restores, report.killsWhileRestoring, report.writes, report.reads)).toBeGreaterThan(
    0,
  );
});
