import type { Command } from 'commander';
import { operatorRoutes } from '../core/api-routes.ts';
import { conditionIds } from '../core/conditions/conditions.ts';
import type { ReportView } from '../core/design-report/report-view.ts';
import { attributeNames } from '../core/patterns/attributes.ts';
import { below, requireOperator } from './fleet-pages.ts';
import { knownName } from './known-name.ts';
import { apiCommand, type CliDeps } from './program.ts';
import { reportText } from './report-text.ts';

/** `fleet report`: added to the fleet's group. */
export function addReportCommand(group: Command, deps: CliDeps): void {
  const command = apiCommand(
    group,
    'report',
    'what the last 30 days say of versions, models and the like: which are worse, and what a change did',
    deps,
    ['fleet report', 'fleet report --condition DiskFailed --by diskModel', 'fleet report --date 2026-11-28'],
    false,
  );
  command
    .option('--date <date>', 'of that day, such as 2026-11-28 (default: the newest)')
    .option('--condition <id>', 'of one condition')
    .option('--by <attribute>', `of one attribute, with all of its values: ${attributeNames.join(', ')}`);
  command.run(async (session) => {
    requireOperator(session);
    const { date, condition, by } = command.opts<{ date?: string; condition?: string; by?: string }>();
    if (condition !== undefined) knownName('--condition', condition, conditionIds);
    if (by !== undefined) knownName('--by', by, attributeNames);
    const path = below(operatorRoutes.fleetReport.path);
    const answer = await session.api.operator<ReportView>(path, { date, condition, by });
    session.show(answer, () => reportText(answer));
  });
}
