import { createHash } from 'node:crypto';
import { fleetScope } from '../audit/actions.ts';
import type { Observation, Rule } from '../conditions/evaluate.ts';
import type { ConditionLimits } from '../conditions/signals.ts';
import type { AlertItem, Severity } from '../model.ts';
import { alertKeyOf } from './alert-key.ts';
import type { AlertStep } from './alert-plan.ts';
import { newAlert, observed } from './lifecycle.ts';

/**
 * Alerts about many gateways together. Their key has no gateway; otherwise they live as every alert does, with episodes,
 * an outbox and one conditional write for each change. Those of the fleet belong to nobody but the provider.
 */
const minutes = 60_000;
const rules = {
  /** The provider's: gateways that carry a value fail more often than the rest. */
  Pattern: { severity: 'critical', clearForMs: 5 * minutes },
  /** The provider's: nothing is heard from a whole cell. */
  CellSilent: { severity: 'critical', clearForMs: 0 },
  /** A customer's: several gateways of one site fail together. As severe as what it stands for. */
  SiteIncident: { severity: 'critical', clearForMs: minutes },
  /** A customer's: its part of a pattern. Says nothing about others. As severe as what it stands for. */
  SharedIncident: { severity: 'critical', clearForMs: 5 * minutes },
} as const satisfies Record<string, Pick<Rule, 'severity' | 'clearForMs'>>;
export type GroupAlertId = keyof typeof rules;
/** Which of them the tenant has, or the provider. */
export const groupsOf = (tenantId: string): readonly GroupAlertId[] =>
  tenantId === fleetScope ? ['Pattern', 'CellSilent'] : ['SiteIncident', 'SharedIncident'];

export interface Group {
  id: GroupAlertId;
  /** @default - the provider */
  tenantId?: string;
  /** Tells it from others of the same kind and customer. */
  component: string;
}
/** What is seen of a group now. */
export interface GroupReading {
  level: Observation['level'];
  value: number;
  summary: string;
  /** @default the group's */
  severity?: Severity;
  /** How long it must be raised before it fires. @default 0 */
  forMs?: number;
}

const componentLengthMax = 128;

export const groupTenant = ({ tenantId = fleetScope }: Group): string => tenantId;
export const groupKey = (group: Group): string =>
  alertKeyOf({
    tenantId: groupTenant(group),
    gatewayId: '',
    conditionId: group.id,
    component: boundedComponent(group.component),
  });

/** What has to be done to the alert of a group; undefined where there is nothing to do. */
export function groupStep(
  group: Group,
  open: ReadonlyMap<string, AlertItem>,
  reading: GroupReading | ((stored: AlertItem | undefined) => GroupReading),
  limits: ConditionLimits,
  members?: AlertStep['members'],
): AlertStep | undefined {
  const alertKey = groupKey(group);
  const known = open.get(alertKey);
  if (!known && typeof reading !== 'function' && reading.level !== 'raised') return undefined;
  return {
    alertKey,
    conditionId: group.id,
    known,
    members,
    apply: (stored, now, hold) => {
      const o = observationOf(group, typeof reading === 'function' ? reading(stored) : reading);
      const alert = stored ?? newAlert({ tenantId: groupTenant(group), gatewayId: '' }, o);
      return observed(alert, o, now, limits, hold);
    },
  };
}

function observationOf(
  { id, component }: Group,
  { level, value, summary, severity = rules[id].severity, forMs = 0 }: GroupReading,
): Observation {
  const condition: Rule = { id, ...rules[id], severity, forMs: () => forMs, summary: () => summary };
  return { condition, component: boundedComponent(component), level, value };
}

/** A longer one ends with a hash of all of it, so that no two become one. */
function boundedComponent(component: string): string {
  if (component.length <= componentLengthMax) return component;
  const hash = createHash('sha256').update(component).digest('hex').slice(0, 16);
  return `${component.slice(0, componentLengthMax - hash.length - 1)}#${hash}`;
}

/** It is told, and not over. */
export const isInForce = ({ state }: AlertItem): boolean => state === 'FIRING' || state === 'ACKED';
