import { dynamoTrail } from '../audit/trail.ts';
import { httpHandler } from '../aws/http-handler.ts';
import { auditTable, alertsTable, commandsTable } from '../aws/tables.ts';
import { ackAlert, alertTrail, fleetAlerts, getAlert, listAlerts, type AlertsDeps } from './show-alerts.ts';

export const env = ['ALERTS_TABLE', 'COMMANDS_TABLE', 'AUDIT_TABLE'] as const;

export const handler = httpHandler({
  env,
  deps: (names): AlertsDeps => ({
    alerts: alertsTable(names.ALERTS_TABLE),
    commands: commandsTable(names.COMMANDS_TABLE),
    now: Date.now,
  }),
  audit: ({ AUDIT_TABLE }) => dynamoTrail(auditTable(AUDIT_TABLE)),
  routes: { listAlerts, getAlert, ackAlert, alertTrail, fleetAlerts },
});
