import { Option, type Command } from 'commander';
import { alertNames } from '../core/alerts/alert-names.ts';
import type { AlertView } from '../core/api.ts';
import { severities, type Severity } from '../core/model.ts';
import { knownName } from './known-name.ts';

/** What a list of alerts is narrowed to; what is absent narrows nothing. */
export interface AlertFilter {
  severity?: Severity;
  condition?: string;
  gateway?: string;
}

/** `--severity`, `--condition` and `--gateway`. */
export const withAlertFilter = <T extends Command>(list: T): T =>
  list
    .addOption(new Option('--severity <severity>', 'of this severity alone').choices(severities))
    .option('--condition <id>', 'of this condition alone')
    .option('--gateway <id>', 'of this gateway alone');

/** Those that all of it fits. Throws USAGE for a condition of which the tenant can have no alert. */
export function filteredAlerts(
  alerts: readonly AlertView[],
  { severity, condition, gateway }: AlertFilter,
  tenantIds: readonly string[],
): AlertView[] {
  if (condition !== undefined)
    knownName('--condition', condition, [...new Set(tenantIds.flatMap(alertNames))]);
  return alerts.filter(
    (alert) =>
      (severity === undefined || alert.severity === severity) &&
      (condition === undefined || alert.conditionId === condition) &&
      (gateway === undefined || alert.gatewayId === gateway),
  );
}
