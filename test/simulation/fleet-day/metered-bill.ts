import { standingOf, type CostParameters } from './cost-model.ts';
import type { FleetDayReport } from './fleet-day.ts';
import { billOf, type Bill, type Prices } from './prices.ts';
import { noUsage, parts, type Part, type Usage } from './usage-meter.ts';

const hoursPerMonth = 30 * 24;

/** What a simulated day used, scaled to one gateway and a month of 30 days. */
export function meteredUsage(report: FleetDayReport, of: readonly Part[] = parts): Usage {
  const factor = hoursPerMonth / report.meteredHours / report.gateways;
  const usage = noUsage();
  for (const part of of)
    for (const what of Object.keys(usage) as (keyof Usage)[])
      usage[what] += report.usage[part][what] * factor;
  return usage;
}

/** The parameters of the model that fit a simulated day. */
export const parametersOf = (
  { gateways, hours, losses, itemBytes }: FleetDayReport,
  settings: Pick<CostParameters, 'heartbeatIntervalMs' | 'commandsPerMinute' | 'cells' | 'needsGoShare'>,
): CostParameters => ({
  ...settings,
  gateways,
  itemBytes,
  lossesPerMonth: (losses * hoursPerMonth) / hours / gateways,
});

export function meteredBill(report: FleetDayReport, parameters: CostParameters, prices: Prices): Bill {
  const usage = meteredUsage(report);
  return billOf(usage, standingOf(parameters, usage), prices);
}
