import { requireOpenFiles } from '../../bench/connections/open-files.ts';
import { load } from '../../bench/connections/suite.ts';

describe('the load of connections', () => {
  it('connects its gateways and brings every command to its end', async () => {
    const report = await load({
      store: 'memory',
      gatewayCount: 50,
      rounds: 2,
      until: { commands: 100 },
      cellCount: 1,
      commandsInFlight: 8,
      dialsInFlight: 8,
      say: () => undefined,
    });
    expect(report.commands.map(({ ended }) => ended)).toEqual([{ SUCCEEDED: 100 }, { SUCCEEDED: 100 }]);
    expect(report.dials.reduce((sum, { count }) => sum + count, 0)).toBe(50 - 13);
    expect(report).toMatchObject({ losses: 0, retries: 0 });
  });

  it('is refused before anything starts where there are too few open files, with what to do', () => {
    expect(() => requireOpenFiles(10_000, 4_096)).toThrow(
      /hard limit is 4096.*ulimit -Hn 10500.*--gateways 3596/,
    );
    expect(() => requireOpenFiles(10_000, 20_000)).not.toThrow();
  });
});
