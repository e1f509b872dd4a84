import { defaultScenario } from './default-scenario.ts';
import type { Detector, Scan } from './detector.ts';
import { makeFleet } from './fleet.ts';
import { parseScenario } from './scenario.ts';
import { simulateFleet } from './simulate.ts';
import { summarize } from './summary.ts';
import { truthOf } from './truth.ts';

const scenario = parseScenario({ ...defaultScenario, warmUpHours: 1 }, 'it');
const [gatewayCount, seed] = [8_000, 4];

describe('a simulated fleet', () => {
  const { faults } = truthOf(scenario, makeFleet(scenario, gatewayCount, seed), seed);
  const oracle: Detector = {
    observe: ({ window }) =>
      faults
        .filter(({ startWindow, endWindow }) => window >= startWindow && window < endWindow)
        .flatMap(({ cause, conditions }) =>
          conditions.map((condition) => ({ condition, cause, alternatives: [] })),
        ),
  };
  const scans: { window: number; startMs: number; endMs: number; seen: number; customers: number }[] = [];
  const silent: Detector = {
    observe: ({ gateways, ...times }: Scan) => {
      const seen = [...gateways];
      const customers = new Set(seen.map(({ customerId }) => customerId)).size;
      scans.push({ ...times, seen: seen.length, customers });
      return [];
    },
  };
  const makers = { oracle: () => oracle, silent: () => silent };
  const run = simulateFleet(scenario, gatewayCount, seed, makers, () => 0);

  it('gives full marks to a detector that knows the truth, and none to one that says nothing', () => {
    expect(faults.filter(({ isEligible }) => isEligible).length).toBeGreaterThan(2);
    expect(summarize([run], 'oracle', 15)).toMatchObject({
      precision: 1,
      recall: 1,
      topOne: 1,
      falsePatterns: 0,
    });
    expect(summarize([run], 'silent', 15)).toMatchObject({ precision: null, recall: 0, topOne: null });
  });

  it('shows every gateway in every scan, one window after the other', () => {
    expect(scans).toHaveLength(25 * 4);
    for (const [i, scan] of scans.entries()) {
      expect(scan).toMatchObject({ window: i, seen: gatewayCount, customers: run.customers });
      expect(scan.endMs - scan.startMs).toBe(900_000);
      expect(scan.startMs).toBe(scans[0]!.startMs + i * 900_000);
    }
  });
});
