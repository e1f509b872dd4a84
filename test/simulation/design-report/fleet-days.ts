import { dayOf, FleetDayBuilder, type FleetDay } from '../../../core/design-report/fleet-day.ts';
import { FleetHistory, historyDays } from '../../../core/design-report/fleet-history.ts';
import { attributeNames } from '../../../core/patterns/attributes.ts';
import { makeFleet, type Fleet } from '../fleet/fleet.ts';
import type { Scenario } from '../fleet/scenario.ts';
import { Timeline } from '../fleet/timeline.ts';
import type { Truth } from '../fleet/truth.ts';

/** What happened to a simulated fleet, as the status proxy would have kept it day by day. */
export function simulatedHistory(
  scenario: Scenario,
  gatewayCount: number,
  seed: number,
): { history: FleetHistory; fleet: Fleet; truth: Truth } {
  const fleet = makeFleet(scenario, gatewayCount, seed);
  const timeline = new Timeline(scenario, fleet, seed);
  const perDay = 1_440 / scenario.windowMinutes;
  let day: Day | undefined;
  let history: FleetHistory | undefined;
  const close = () => {
    if (!day) return;
    history ??= new FleetHistory(attributeNames, day.number);
    history.add(day.build());
  };
  for (const { window, startMs, gateways } of timeline.scans()) {
    if (window % perDay === 0) {
      close();
      day = new Day(dayOf(startMs));
    }
    for (const gateway of gateways) day!.see(gateway, startMs);
  }
  close();
  return { history: history!, fleet, truth: timeline.truth };
}

type Seen = Parameters<Day['see']>[0];
class Day {
  readonly number: number;
  readonly #heard = new Map<
    string,
    { customerId: string; attributes: Seen['attributes']; began: Map<string, number> }
  >();
  constructor(number: number) {
    this.number = number;
  }
  see(
    {
      gatewayId,
      customerId,
      attributes,
      onsets,
      isFresh,
    }: {
      gatewayId: string;
      customerId: string;
      attributes: Readonly<Record<string, string>>;
      onsets: readonly string[];
      isFresh: boolean;
    },
    atMs: number,
  ): void {
    if (!isFresh) return;
    let one = this.#heard.get(gatewayId);
    if (!one) this.#heard.set(gatewayId, (one = { customerId, attributes, began: new Map() }));
    for (const condition of onsets) one.began.set(condition, atMs);
  }
  build(): FleetDay {
    const builder = new FleetDayBuilder(this.number);
    for (const [gatewayId, { customerId, attributes, began }] of this.#heard)
      builder.add(
        { gatewayId, tenantId: customerId },
        attributeNames.map((name) => attributes[name]),
        [...began].map(([conditionId, since]) => ({ conditionId, since, isNow: false })),
      );
    return builder.build();
  }
}

/** A scenario’s time for a whole history. */
export const wholeHistory = { windowMinutes: 720, warmUpHours: 0, hours: historyDays * 24 } as const;
