import type { Cause, MakeDetector } from './detector.ts';
import { Findings } from './findings.ts';
import { makeFleet, overlapOf } from './fleet.ts';
import type { Scenario } from './scenario.ts';
import { score, type Score } from './score.ts';
import { Timeline } from './timeline.ts';
import type { Truth } from './truth.ts';

export interface FleetRun {
  readonly seed: number;
  readonly gateways: number;
  readonly customers: number;
  /** Windows that were scored. */
  readonly windows: number;
  readonly truth: Truth;
  /** Cause → how often it made a condition begin, as far as a scan shows it. */
  readonly onsets: Record<string, number>;
  readonly hiddenOnsets: number;
  readonly scores: Record<string, Score & { readonly secondsTaken: number }>;
}

/** One fleet, all detectors, the same scans. */
export function simulateFleet(
  scenario: Scenario,
  gatewayCount: number,
  seed: number,
  detectors: Record<string, MakeDetector>,
  nowMs: () => number,
): FleetRun {
  const fleet = makeFleet(scenario, gatewayCount, seed);
  const timeline = new Timeline(scenario, fleet, seed);
  const { windowMinutes } = scenario;
  const setting = { windowMinutes, conditions: timeline.sights.conditions };
  const watching = Object.entries(detectors).map(([name, make]) => ({
    name,
    detector: make(setting),
    findings: new Findings(windowMinutes),
    takenMs: 0,
  }));
  for (const scan of timeline.scans())
    for (const watcher of watching) {
      const startedAtMs = nowMs();
      const patterns = watcher.detector.observe(scan);
      watcher.takenMs += nowMs() - startedAtMs;
      watcher.findings.add(scan.window, patterns);
    }
  const { truth, warmUpWindows, sights, windowCount } = timeline;
  const overlap = (one: Cause, other: Cause) => overlapOf(fleet, one, other);
  const judge = { truth, windowMinutes, warmUpWindows, overlap };
  return {
    seed,
    gateways: fleet.gatewayCount,
    customers: fleet.customerCount,
    windows: windowCount - warmUpWindows,
    truth,
    onsets: Object.fromEntries(sights.shown),
    hiddenOnsets: sights.hidden,
    scores: Object.fromEntries(
      watching.map(({ name, findings, takenMs }) => [
        name,
        { ...score(findings.all, judge), secondsTaken: takenMs / 1_000 },
      ]),
    ),
  };
}

/** The same fleet for `days` without any fault; what is planned for a day of the scenario happens on each. */
export function withoutFaults(scenario: Scenario, days: number): Scenario {
  const bursts = Array.from({ length: days }, (_, day) =>
    scenario.bursts
      .filter(({ startHour }) => startHour < 24)
      .map((burst) => ({
        ...burst,
        startHour: burst.startHour + day * 24,
        endHour: burst.endHour + day * 24,
      })),
  ).flat();
  return { ...scenario, hours: days * 24, faults: [], bursts };
}
