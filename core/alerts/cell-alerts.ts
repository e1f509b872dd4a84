import type { ConditionLimits } from '../conditions/signals.ts';
import type { AlertItem } from '../model.ts';
import type { AlertStep } from './alert-plan.ts';
import { groupKey, groupStep, type Group } from './group-alerts.ts';
import { clearStep } from './site-incidents.ts';

const groupOf = (cellId: string): Group => ({ id: 'CellSilent', component: cellId });

/** One alert of the provider's for each cell that has lost its way to the store, and none of its gateways'. */
export function cellSteps(
  frozen: ReadonlyMap<string, number>,
  open: ReadonlyMap<string, AlertItem>,
  limits: ConditionLimits,
): AlertStep[] {
  const keys = new Set([...frozen.keys()].map((cellId) => groupKey(groupOf(cellId))));
  const raised = [...frozen].flatMap(([cellId, gateways]) => {
    const summary = `nothing is heard from ${cellId}: its ${gateways} gateways cannot be judged`;
    return groupStep(groupOf(cellId), open, { level: 'raised', value: gateways, summary }, limits) ?? [];
  });
  const over = [...open.values()].filter(
    ({ conditionId, alertKey }) => conditionId === 'CellSilent' && !keys.has(alertKey),
  );
  return [...raised, ...over.flatMap((item) => clearStep(item, open, limits))];
}
