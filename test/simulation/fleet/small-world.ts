import type { SeenGateway } from './detector.ts';
import { makeFleet } from './fleet.ts';
import { parseScenario, type Scenario, type ScenarioText } from './scenario.ts';
import { Timeline } from './timeline.ts';

/** One customer per gateway, alike in everything, to whom nothing happens but what a test asks for. */
export const plainScenario = (text: Partial<ScenarioText> = {}): Scenario =>
  parseScenario(
    {
      warmUpHours: 0,
      staleShare: 0,
      customers: { sizes: { kind: 'fixed', gateways: 1 }, frailty: 0 },
      attributes: [{ name: 'version', values: { old: 1, new: 1 } }],
      conditions: [{ name: 'Broken', basePerWindow: 0 }],
      ...text,
    },
    'the test',
  );

export interface SeenOnset {
  window: number;
  condition: string;
  gatewayId: string;
  attributes: SeenGateway['attributes'];
}

/** Everything that the scans of a fleet show, in order. */
export function watch(scenario: Scenario, gatewayCount: number, seed: number) {
  const fleet = makeFleet(scenario, gatewayCount, seed);
  const timeline = new Timeline(scenario, fleet, seed);
  const onsets: SeenOnset[] = [];
  for (const { window, gateways } of timeline.scans())
    for (const gateway of gateways)
      for (const condition of gateway.onsets)
        onsets.push({ window, condition, gatewayId: gateway.gatewayId, attributes: gateway.attributes });
  return { fleet, timeline, onsets };
}

/** Four standard deviations: one in 16,000 seeds is further off, and the seed is fixed. */
export function expectBinomial(count: number, trials: number, probability: number): void {
  const spread = 4 * Math.sqrt(trials * probability * (1 - probability));
  expect(count).toBeGreaterThan(trials * probability - spread);
  expect(count).toBeLessThan(trials * probability + spread);
}
