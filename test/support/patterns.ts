import { findPatterns, type PatternsFound } from '../../core/patterns/find-patterns.ts';
import { FleetBuilder, type Fleet } from '../../core/patterns/fleet.ts';
import { noHistory, type PatternHistory } from '../../core/patterns/history.ts';

/** Small made-up fleets for tests of patterns: every gateway says what it carries and whether it fails. */
export interface Scene {
  customers: number;
  /** Gateways of each customer; 2 unless said. */
  gateways?: (customer: number) => number;
  values: (customer: number, gateway: number) => Record<string, string | undefined>;
  /** Minutes since its onset, or false. */
  failing: (customer: number, gateway: number) => number | false;
}
export const conditionId = 'Offline';
export const tickMs = 60_000;
export const nowMs = 1_800_000_000_000;

export function sceneFleet({ customers, gateways = () => 2, values, failing }: Scene): Fleet {
  const attributes = Object.keys(values(0, 0));
  const builder = new FleetBuilder(attributes, [conditionId]);
  for (let c = 0; c < customers; c++)
    for (let g = 0; g < gateways(c); g++) {
      const own = values(c, g);
      const row = builder.add(
        `customer-${c}`,
        attributes.map((name) => own[name]),
      );
      const minutes = failing(c, g);
      if (minutes !== false) builder.onset(row, 0, minutes * 60_000);
    }
  return builder.build();
}

/** A history long enough, in which nothing ever failed. */
export const quietHistory = (): PatternHistory => ({ ...noHistory(), watchedMs: 14 * 24 * 3_600_000 });

/** Two ticks over the same fleet; what the second one says. */
export function afterTwoTicks(fleet: Fleet, history = quietHistory()): PatternsFound {
  const input = { fleet, history, tickMs };
  const { significant } = findPatterns({ ...input, nowMs: nowMs - tickMs, previous: undefined });
  return findPatterns({ ...input, nowMs, previous: significant });
}
