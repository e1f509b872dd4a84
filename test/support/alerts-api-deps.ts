import {
  alertsTable,
  commandsTable,
  gatewaysTable,
  patternsTable,
  silencesTable,
  statusTable,
} from '../../lambda/aws/tables.ts';
import type { AlertsDeps, LatestDeps } from '../../lambda/alerts/show-alerts.ts';
import type { PatternsApiDeps } from '../../lambda/alerts/show-patterns.ts';
import type { TestDynamo } from './dynamo.ts';

/** What the alerts' part of the API stands on, in tables of its own. */
export async function alertsApiDeps(
  dynamo: TestDynamo,
  now: number,
): Promise<AlertsDeps & LatestDeps & PatternsApiDeps> {
  const names = await dynamo.createTables();
  return {
    alerts: alertsTable(names.ALERTS_TABLE, dynamo.client),
    commands: commandsTable(names.COMMANDS_TABLE, dynamo.client),
    silences: silencesTable(names.SILENCES_TABLE, dynamo.client),
    gateways: gatewaysTable(names.GATEWAYS_TABLE, dynamo.client),
    status: statusTable(names.STATUS_TABLE, dynamo.client),
    patterns: patternsTable(names.PATTERNS_TABLE, dynamo.client),
    now: () => now,
  };
}
