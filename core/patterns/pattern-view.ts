import type { AlertView } from '../api.ts';
import { alertView } from '../alerts/alert-view.ts';
import type { AlertItem } from '../model.ts';
import { rateOf, type Breakdown, type BreakdownLine, type Rate } from './breakdown.ts';
import type { PatternEvidence } from './evidence.ts';

/** A pattern as operators see it: its alert, and how it was found. */
export type PatternView = Omit<AlertView, 'tenantId' | 'gatewayId' | 'suggested'> & {
  evidence: PatternEvidence;
  /** Customers hit of those that carry the value, and of those without it; each with its 95 % interval. */
  rates: { carriers: Rate; outside?: Rate };
};

export function patternView(item: AlertItem & { pattern: PatternEvidence }): PatternView {
  const { tenantId: _tenant, gatewayId: _gateway, suggested: _none, ...view } = alertView(item);
  const { hitCustomers, carriers, outside } = item.pattern;
  return {
    ...view,
    evidence: item.pattern,
    rates: {
      carriers: rateOf(hitCustomers, carriers.customers),
      ...(outside && { outside: rateOf(outside.hitCustomers, outside.customers) }),
    },
  };
}

/** Answer to `fleetBreakdown`. */
export interface BreakdownView extends Pick<Breakdown, 'attribute' | 'at' | 'left'> {
  condition: string;
  /** The worst first, by the lower bound of the rate. */
  lines: BreakdownLine[];
}
