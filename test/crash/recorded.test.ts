import { describeWithClients } from '../support/clients.ts';
import { crashRecorded } from './recorded.ts';
import type { RecordedRun } from './record.ts';

/** SIGKILL keeps the page cache, so an engine without any barrier survives it. Power loss does not. */
describeWithClients(['strace'], 'the system calls of real restores', () => {
  const small = { runs: 3, images: 240, seed: 1 };

  it('leave nothing wrong, whatever the disk makes of them when the power fails', async () => {
    const report = await crashRecorded(small);
    expect(report).toMatchObject({ runs: 3, images: 240, violations: 0, first: [] });
    expect(Math.min(report.kills, report.lives - report.runs, report.statesJudged - 300)).toBeGreaterThan(0);
  });

  it('would, had the barriers been left out', async () => {
    const report = await crashRecorded({ ...small, runs: 1, spoil: without('barrier') });
    expect(Math.min(report.wrongStates, report.wrongImages)).toBeGreaterThan(0);
  });

  it('would, had the descriptor been renamed before it was synced', async () => {
    const report = await crashRecorded({ ...small, runs: 1, spoil: without('sync-description') });
    expect(report.wrongImages).toBeGreaterThan(0);
  });
});

const without =
  (kind: string) =>
  (run: RecordedRun): RecordedRun => ({
    ...run,
    lives: run.lives.map((life) => ({
      ...life,
      events: life.events.filter(({ call }) => call.kind !== kind),
    })),
  });
