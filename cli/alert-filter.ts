import { Option, type Command } from 'commander';
import { alertNames } from '../core/alerts/alert-names.ts';
import type { AlertView } from '../core/api.ts';
import { severities, type Severity } from '../core/model.ts';
import { knownName } from './known-name.ts';

/** What a list of alerts is narrowed to; what is absent narrows nothing. */
export interface AlertFilter {
  severity?: Severity;
  condition?: string;
  /** Of a gateway's id the beginning is enough. */
  gateway?: string;
}

/** `--severity`, `--condition` and `--gateway`. */
export const withAlertFilter = <T extends Command>(list: T): T =>
  list
    .addOption(new Option('--severity <severity>', 'of this severity alone').choices(severities))
    .option('--condition <id>', 'of this condition alone')
    .option('--gateway <id>', 'of this gateway alone');

/** Before anything is asked. Throws USAGE for a condition of which none of the tenants can have an alert. */
export function requireCondition({ condition }: AlertFilter, tenantIds: readonly string[]): void {
  if (condition !== undefined)
    knownName('--condition', condition, [...new Set(tenantIds.flatMap(alertNames))]);
}

/** Those that all of it fits. */
export const filteredAlerts = (
  alerts: readonly AlertView[],
  { severity, condition, gateway }: AlertFilter,
): AlertView[] =>
  alerts.filter(
    (alert) =>
      (severity === undefined || alert.severity === severity) &&
      (condition === undefined || alert.conditionId === condition) &&
      (gateway === undefined || alert.gatewayId.startsWith(gateway.replace(/…$/, ''))),
  );
