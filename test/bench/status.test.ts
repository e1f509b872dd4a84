import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { heartbeatBytesMax } from '../../agent/status/fit-heartbeat.ts';
import { createHardwareReader } from '../../agent/status/hardware.ts';
import { makeLargeHost } from '../../bench/status/large-host.ts';
import { statusSuite } from '../../bench/status/suite.ts';

describe('the bench of what status costs', () => {
  it('measures this machine and a large host, whose heartbeats are of one write unit', async () => {
    const lines: string[] = [];
    const costs = await statusSuite({ rounds: 1 }, (line) => void lines.push(line));
    expect(costs.map(({ host }) => host)).toEqual(['this machine', '24 disks, 16 file systems']);
    for (const { shareOfCore, heartbeatBytes } of costs) {
      expect(shareOfCore).toBeGreaterThan(0);
      expect(heartbeatBytes).toBeLessThanOrEqual(heartbeatBytesMax);
    }
    expect(lines).toHaveLength(3);
  });

  it('has a large host that is really read', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-test-'));
    try {
      const { disks, arrays, memoryErrors } = await createHardwareReader({ host: makeLargeHost(folder) })();
      expect(disks).toHaveLength(24);
      expect(new Set(disks?.map(({ temperatureC }) => temperatureC))).toEqual(new Set([34]));
      expect(arrays).toEqual([{ name: 'md0', state: 'ok', missing: 0 }]);
      expect(memoryErrors).toEqual({ corrected: 0, uncorrected: 0 });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
