import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { delayP99MaxMs, falsePer1000GatewayDaysMax, type DetectionReport } from './report.ts';

const run = fileURLToPath(new URL('run.ts', import.meta.url));
/** Much more than it takes: other tests run beside it. */
const testMs = 300_000;

/** As people run it: jest's own environment would take several times as long. */
async function measured(...args: string[]): Promise<DetectionReport & { code: number }> {
  const done = await promisify(execFile)(process.execPath, [run, '--json', ...args]).then(
    ({ stdout }) => ({ code: 0, stdout }),
    (failed: { code: number; stdout: string }) => failed,
  );
  return { ...(JSON.parse(done.stdout) as DetectionReport), code: done.code };
}

describe('outages and faults of gateways that lose a message in a hundred', () => {
  it(
    'are told of in time, none is missed, and hardly anything else is told of',
    async () => {
      const report = await measured('--gateways', '80', '--days', '10');
      expect(report).toMatchObject({ code: 0, holds: true, missed: 0, gatewayDays: 800 });
      expect(report.delayP99Ms).toBeLessThanOrEqual(delayP99MaxMs);
      expect(report.falsePer1000GatewayDays).toBeLessThanOrEqual(falsePer1000GatewayDaysMax);
      expect([report.outages > 5, report.faults > 50]).toEqual([true, true]);
    },
    testMs,
  );

  it(
    'count as told where one comes back before the firing about the last is over',
    async () => {
      // A disk that is full again after 143 s.
      const report = await measured('--start', '1530', '--gateways', '1');
      expect(report).toMatchObject({ missed: 0, toldBefore: 1 });
    },
    testMs,
  );

  it(
    'would be told of too late by a proxy that looks every five minutes',
    async () => {
      const report = await measured('--gateways', '20', '--days', '10', '--tick', '5');
      expect(report).toMatchObject({ code: 1, holds: false });
      expect(report.delayP99Ms).toBeGreaterThan(delayP99MaxMs);
    },
    testMs,
  );

  it(
    'would be told of falsely if a third of the messages got lost',
    async () => {
      const report = await measured('--gateways', '10', '--days', '5', '--loss', '33');
      expect(report).toMatchObject({ code: 1, holds: false });
      expect(report.falseFirings).toBeGreaterThan(0);
    },
    testMs,
  );
});
