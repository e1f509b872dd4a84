import { dynamoTrail } from '../audit/trail.ts';
import { httpHandler } from '../aws/http-handler.ts';
import { wholeNumber } from '../aws/env.ts';
import {
  auditTable,
  alertsTable,
  commandsTable,
  conditionSettingsTable,
  patternsTable,
} from '../aws/tables.ts';
import {
  deleteCondition,
  listConditions,
  putCondition,
  type ConditionSettingsDeps,
} from './condition-settings.ts';
import {
  ackAlert,
  alertTrail,
  escalateAlert,
  fleetAlerts,
  getAlert,
  listAlerts,
  type AlertsDeps,
} from './show-alerts.ts';
import { fleetBreakdown, fleetPattern, fleetPatterns, type PatternsApiDeps } from './show-patterns.ts';

export const env = [
  'ALERTS_TABLE',
  'COMMANDS_TABLE',
  'CONDITION_SETTINGS_TABLE',
  'PATTERNS_TABLE',
  'AUDIT_TABLE',
  'RECONNECT_WINDOW_MS',
] as const;

export const handler = httpHandler<typeof env, AlertsDeps & ConditionSettingsDeps & PatternsApiDeps>({
  env,
  deps: (names) => ({
    alerts: alertsTable(names.ALERTS_TABLE),
    commands: commandsTable(names.COMMANDS_TABLE),
    settings: conditionSettingsTable(names.CONDITION_SETTINGS_TABLE),
    limits: { reconnectWindowMs: wholeNumber('RECONNECT_WINDOW_MS', names.RECONNECT_WINDOW_MS) },
    patterns: patternsTable(names.PATTERNS_TABLE),
    now: Date.now,
  }),
  audit: ({ AUDIT_TABLE }) => dynamoTrail(auditTable(AUDIT_TABLE)),
  routes: {
    ...{ listAlerts, getAlert, ackAlert, escalateAlert, alertTrail, fleetAlerts },
    ...{ listConditions, putCondition, deleteCondition },
    ...{ fleetPatterns, fleetPattern, fleetBreakdown },
  },
});
