import { fleetScope } from '../audit/actions.ts';
import { conditionIds } from '../conditions/conditions.ts';
import { HoldfastError } from '../errors.ts';
import { didYouMean } from '../nearest-names.ts';
import { groupsOf } from './group-alerts.ts';

/** What the tenant has alerts of: the provider's own are all about many gateways. */
export const alertNames = (tenantId: string): string[] => [
  ...groupsOf(tenantId),
  ...(tenantId === fleetScope ? [] : conditionIds),
];

/** Who names what no alert ever has waits for nothing, and does not know it. Throws INVALID_INPUT. */
export function requireAlertName(tenantId: string, conditionId: string): void {
  const names = alertNames(tenantId);
  if (names.includes(conditionId)) return;
  throw new HoldfastError('INVALID_INPUT', `there is no condition ${conditionId}`, {
    hint: didYouMean(
      conditionId,
      names,
      `conditions are written as in an alert, such as ${names.slice(0, 3).join(', ')}`,
    ),
  });
}
