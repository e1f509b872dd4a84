import { randomBytes } from 'node:crypto';
import { dynamoTrail } from '../audit/trail.ts';
import { httpHandler } from '../aws/http-handler.ts';
import { wholeNumber } from '../aws/env.ts';
import {
  auditTable,
  alertsTable,
  commandsTable,
  conditionSettingsTable,
  patternsTable,
  silencesTable,
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
  unackAlert,
  type AlertsDeps,
} from './show-alerts.ts';
import { fleetBreakdown, fleetPattern, fleetPatterns, type PatternsApiDeps } from './show-patterns.ts';
import { fleetReport } from './show-report.ts';
import { createSilence, endSilence, listSilences, type SilenceDeps } from './silences.ts';

export const env = [
  'ALERTS_TABLE',
  'SILENCES_TABLE',
  'COMMANDS_TABLE',
  'CONDITION_SETTINGS_TABLE',
  'PATTERNS_TABLE',
  'AUDIT_TABLE',
  'RECONNECT_WINDOW_MS',
] as const;

type AlertsApiDeps = AlertsDeps & ConditionSettingsDeps & PatternsApiDeps & SilenceDeps;
export const handler = httpHandler<typeof env, AlertsApiDeps>({
  env,
  deps: (names) => ({
    alerts: alertsTable(names.ALERTS_TABLE),
    silences: silencesTable(names.SILENCES_TABLE),
    commands: commandsTable(names.COMMANDS_TABLE),
    settings: conditionSettingsTable(names.CONDITION_SETTINGS_TABLE),
    limits: { reconnectWindowMs: wholeNumber('RECONNECT_WINDOW_MS', names.RECONNECT_WINDOW_MS) },
    patterns: patternsTable(names.PATTERNS_TABLE),
    random: randomBytes,
    now: Date.now,
  }),
  audit: ({ AUDIT_TABLE }) => dynamoTrail(auditTable(AUDIT_TABLE)),
  routes: {
    ...{ listAlerts, getAlert, ackAlert, unackAlert, escalateAlert, alertTrail, fleetAlerts },
    ...{ listConditions, putCondition, deleteCondition },
    ...{ fleetPatterns, fleetPattern, fleetBreakdown, fleetReport },
    ...{ listSilences, createSilence, endSilence },
  },
});
