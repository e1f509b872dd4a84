import { FleetDayBuilder, type FleetDay } from '../../../core/design-report/fleet-day.ts';
import { FleetHistory, historyDays } from '../../../core/design-report/fleet-history.ts';
import { attributeNames } from '../../../core/patterns/attributes.ts';
import { Chance } from '../fleet/chance.ts';

const dayMs = 24 * 3_600_000;
const firstDay = 20_000;

/** What is true of a made-up rollout: nothing of it is known to the report. */
export interface Rollout {
  customers: number;
  /** Onsets a gateway and day before the change, of a customer like the mean. */
  base: number;
  /** How many times as often with the new version. */
  effect: number;
  /** σ of the lognormal factor by which customers differ. */
  frailty: number;
  /** How many times as often on bad hardware, which those who change late hardly have. */
  badHardware?: number;
  /** How many times as often to everybody from the middle of the history on. */
  later?: number;
  /** Share of customers that never change. */
  stay?: number;
  /** The kernel changes with the version. */
  withKernel?: boolean;
}

export const rolloutLastDay = firstDay + historyDays - 1;

export function rollout(truth: Rollout, seed: number): FleetHistory {
  const history = new FleetHistory(attributeNames, firstDay);
  for (const day of rolloutDays(truth, seed)) history.add(day);
  return history;
}

/** A month in which customers change to version 2.0.0, each on a day of its own; gateways of one customer share it. */
export function rolloutDays(truth: Rollout, seed: number): FleetDay[] {
  const chance = new Chance(seed, 'rollout');
  const gateways = Array.from({ length: truth.customers }, (_, c) => customerOf(c, truth, chance)).flat();
  return Array.from({ length: historyDays }, (_, day) => {
    const builder = new FleetDayBuilder(firstDay + day);
    for (const { gatewayId, tenantId, changesOn, isBad, factor } of gateways) {
      const isNew = day >= changesOn;
      const values: Record<string, string> = {
        agentVersion: isNew ? '2.0.0' : '1.9.0',
        hardwareModel: isBad ? 'Flaky 100' : 'Solid 100',
        kernel: isNew && truth.withKernel ? '6.12' : '6.1',
      };
      const daily =
        truth.base *
        factor *
        (isNew ? truth.effect : 1) *
        (isBad ? (truth.badHardware ?? 1) : 1) *
        (day >= historyDays / 2 ? (truth.later ?? 1) : 1);
      const since = (firstDay + day) * dayMs + 1;
      builder.add(
        { gatewayId, tenantId },
        attributeNames.map((name) => values[name]),
        chance.is(daily) ? [{ conditionId: 'RestartLoop', since, isNow: false }] : [],
      );
    }
    return builder.build();
  });
}

function customerOf(c: number, { frailty, stay = 0.25, badHardware }: Rollout, chance: Chance) {
  const factor = Math.exp(frailty * chance.normal() - frailty ** 2 / 2);
  const changesOn = chance.is(stay) ? historyDays : 5 + chance.below(historyDays - 10);
  return Array.from({ length: chance.pareto(1.2, 60) }, (_, g) => ({
    gatewayId: `gw-${c}-${g}`,
    tenantId: `customer-${c}`,
    ...{ changesOn, factor },
    isBad: badHardware !== undefined && chance.is(changesOn < historyDays ? 0.6 : 0.15),
  }));
}
