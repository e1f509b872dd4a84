import { randomBytes } from 'node:crypto';
import { dynamoTrail } from '../audit/trail.ts';
import { httpHandler } from '../aws/http-handler.ts';
import { wholeNumber } from '../aws/env.ts';
import {
  auditTable,
  alertsTable,
  commandsTable,
  conditionSettingsTable,
  gatewaysTable,
  patternsTable,
  silencesTable,
  statusTable,
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
  type LatestDeps,
} from './show-alerts.ts';
import { fleetBreakdown, fleetPattern, fleetPatterns, type PatternsApiDeps } from './show-patterns.ts';
import { fleetReport } from './show-report.ts';
import { createSilence, endSilence, listSilences, type SilenceDeps } from './silences.ts';

export const env = [
  'ALERTS_TABLE',
  'GATEWAYS_TABLE',
  'STATUS_TABLE',
  'SILENCES_TABLE',
  'COMMANDS_TABLE',
  'CONDITION_SETTINGS_TABLE',
  'PATTERNS_TABLE',
  'AUDIT_TABLE',
  'RECONNECT_WINDOW_MS',
] as const;

type AlertsApiDeps = AlertsDeps & LatestDeps & ConditionSettingsDeps & PatternsApiDeps & SilenceDeps;
export const handler = httpHandler<typeof env, AlertsApiDeps>({
  env,
  deps: (names) => ({
    alerts: alertsTable(names.ALERTS_TABLE),
    gateways: gatewaysTable(names.GATEWAYS_TABLE),
    status: statusTable(names.STATUS_TABLE),
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
