import type { ConditionLimits } from '../conditions/signals.ts';
import { severities, type AlertItem } from '../model.ts';
import type { AlertStep } from './alert-plan.ts';
import { groupKey, groupStep, type Group } from './group-alerts.ts';
import { clearStep } from './site-incidents.ts';

/**
 * What a customer is told of a pattern: once, how many alerts of its gateways are held back for it. It names the
 * condition and none of what others have in common with it.
 */
export function sharedIncidentSteps({ alerts, open, limits }: SharesSeen): AlertStep[] {
  const patterns = new Map(alerts.filter((item) => item.pattern).map((item) => [item.alertKey, item]));
  const held = alerts.filter(
    ({ state, inhibitedBy }) => state === 'FIRING' && inhibitedBy !== undefined && patterns.has(inhibitedBy),
  );
  const groups = Map.groupBy(held, ({ tenantId, inhibitedBy }) =>
    groupKey(groupOf(tenantId, patterns.get(inhibitedBy!)!)),
  );
  const steps = [...groups.values()].flatMap((members) => {
    const { tenantId, inhibitedBy } = members[0]!;
    const pattern = patterns.get(inhibitedBy!)!;
    const gateways = new Set(members.map(({ gatewayId }) => gatewayId)).size;
    const count = `${gateways} ${gateways === 1 ? 'gateway' : 'gateways'}`;
    const summary = `${pattern.pattern!.conditionId} at ${count} of yours: a fault that many share, and the provider knows of it`;
    return (
      groupStep(
        groupOf(tenantId, pattern),
        open,
        { level: 'raised', value: gateways, summary, severity: worstOf(members) },
        limits,
        members,
      ) ?? []
    );
  });
  const over = [...open.values()].filter(
    ({ conditionId, alertKey }) => conditionId === 'SharedIncident' && !groups.has(alertKey),
  );
  return [...steps, ...over.flatMap((item) => clearStep(item, open, limits))];
}
export interface SharesSeen {
  /** Every alert as it is now. */
  alerts: readonly AlertItem[];
  open: ReadonlyMap<string, AlertItem>;
  limits: ConditionLimits;
}

const worstOf = (alerts: readonly AlertItem[]): AlertItem['severity'] | undefined =>
  severities.find((each) => alerts.some(({ severity }) => severity === each));

/** One for each pattern, by its key: a value may be long, and is not the customer's business. */
const groupOf = (tenantId: string, { alertKey, pattern }: AlertItem): Group => ({
  id: 'SharedIncident',
  tenantId,
  component: `${pattern!.conditionId} ${alertKey.slice(0, 12)}`,
});
