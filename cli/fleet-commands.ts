import type { Command } from 'commander';
import { fleetScope } from '../core/audit/actions.ts';
import type { AlertView, AuditView } from '../core/api.ts';
import { fillPath, operatorRoutes } from '../core/api-routes.ts';
import { HoldfastError } from '../core/errors.ts';
import { timeText } from '../core/readable.ts';
import { drainLimits, type CellsView, type DrainCellAnswer } from '../core/routes/drain-rules.ts';
import { auditTable, sinceTime } from './audit-command.ts';
import { filteredAlerts, requireCondition, withAlertFilter, type AlertFilter } from './alert-filter.ts';
import { alertTable } from './alert-commands.ts';
import { below, fleetPages, requireOperator } from './fleet-pages.ts';
import { addBreakdownCommand } from './pattern-commands.ts';
import { addReportCommand } from './report-command.ts';
import { parseDurationMs } from './duration.ts';
import { everyGateway, gatewayTable, withRevokedOption } from './gateway-commands.ts';
import { table } from './output.ts';
import { apiCommand, commandGroup, type CliDeps, type Session } from './program.ts';

/** Every tenant's gateways and alerts, for the provider's operator. */
export function addFleetCommands(program: Command, deps: CliDeps): void {
  const group = commandGroup(program, 'fleet', 'all tenants at once, for the provider’s operators', [
    'fleet gateways',
    'fleet alerts --json',
    'fleet breakdown --by agentVersion --condition Offline',
    'fleet report',
    'fleet drain cell-1',
  ]);
  const list = apiCommand(
    group,
    'gateways',
    'list the gateways of every tenant',
    deps,
    ['fleet gateways', 'fleet gateways --all --json'],
    false,
  );
  withRevokedOption(list).run(async (session) => {
    requireOperator(session);
    const { api, toType } = session;
    const path = below(operatorRoutes.fleetGateways.path);
    const found = await everyGateway(list, (query) => api.operator(path, query));
    const toShowAll = toType('holdfast fleet gateways --all');
    const now = session.deps.now();
    session.show(found, () => gatewayTable(found, { now, toType, toShowAll, withTenant: true }));
  });
  const alertList = apiCommand(
    group,
    'alerts',
    'list the open alerts of every tenant',
    deps,
    ['fleet alerts', 'fleet alerts --severity critical --condition Offline'],
    false,
  );
  withAlertFilter(alertList).run(async (session) => {
    const flags = alertList.opts<AlertFilter>();
    requireCondition(flags, [fleetScope, '']);
    const found = await fleetPages<AlertView>(session, below(operatorRoutes.fleetAlerts.path), 'alerts');
    const alerts = filteredAlerts(found, flags);
    session.show({ alerts }, () => alertTable(alerts, session.deps.now(), true));
  });
  const audit = apiCommand(
    group,
    'audit',
    'what was done to the fleet itself: cells, the provider’s own alerts and subscriptions',
    deps,
    ['fleet audit --since 7d'],
    false,
  );
  audit.option('--since <duration>', 'how far back', '24h').run(async (session) => {
    const from = sinceTime(audit.opts<{ since: string }>().since, deps);
    const path = below(operatorRoutes.fleetAudit.path);
    const entries = await fleetPages<AuditView>(session, path, 'entries', { from });
    session.show({ entries }, () => auditTable(entries));
  });
  addBreakdownCommand(group, deps);
  addReportCommand(group, deps);
  addCellCommands(group, deps);
}

function addCellCommands(group: Command, deps: CliDeps): void {
  apiCommand(
    group,
    'cells',
    'list the cells, and which of them are being emptied',
    deps,
    ['fleet cells'],
    false,
  ).run(async (session) => {
    requireOperator(session);
    const view = await session.api.operator<CellsView>(below(operatorRoutes.fleetCells.path));
    session.show(view, () =>
      table(
        ['CELL', 'STATE', 'ADDRESS'],
        view.cells.map(({ cellId, webSocketUrl, draining }) => [
          cellId,
          draining ? `draining since ${timeText(draining.since)}, by ${draining.by}` : 'open',
          webSocketUrl,
        ]),
      ),
    );
  });
  const drain = apiCommand(
    group,
    'drain <cell>',
    'empty a cell without an outage: nobody is let in, and its gateways go to other cells',
    deps,
    ['fleet drain cell-1', 'fleet drain cell-1 --deadline 30m', 'fleet drain cell-1 --undo'],
    false,
  );
  drain
    .option('--deadline <duration>', 'its gateways leave one after the other within this time (default: 5m)')
    .option('--undo', 'let gateways in again')
    .addHelpText(
      'after',
      '\nRepeat it until nobody is left: connections that were just opened are told then.',
    )
    .run(async (session, cellId = '') => {
      requireOperator(session);
      const { deadline, undo } = drain.opts<{ deadline?: string; undo?: boolean }>();
      if (undo && deadline !== undefined)
        throw new HoldfastError('USAGE', '--undo takes no --deadline', { hint: 'leave one of them away' });
      if (undo) {
        const path = fillPath(below(operatorRoutes.undrainCell.path), { cellId });
        const answer = await session.api.operator<{ cellId: string }>(path, {}, { method: 'DELETE' });
        return session.show(answer, () => `${cellId} lets gateways in again`);
      }
      const answer = await drainAll(session, cellId, deadline);
      session.show(answer, () => drainText(answer));
    });
}

/** A cell tells as many as it has time for; the rest are told by the next call. */
async function drainAll(
  { api }: Session,
  cellId: string,
  deadline: string | undefined,
): Promise<DrainCellAnswer> {
  const range = { minMs: drainLimits.deadlineMinMs, maxMs: drainLimits.deadlineMaxMs };
  const deadlineMs = deadline === undefined ? undefined : parseDurationMs('--deadline', deadline, range);
  const path = fillPath(below(operatorRoutes.drainCell.path), { cellId });
  const all: DrainCellAnswer = { cellId, told: 0, gone: 0 };
  let next: string | undefined;
  do {
    const page = await api.operator<DrainCellAnswer>(
      path,
      {},
      { method: 'POST', body: { deadlineMs, next } },
    );
    all.told += page.told;
    all.gone += page.gone;
    next = page.next;
  } while (next);
  return all;
}

const drainText = ({ cellId, told, gone }: DrainCellAnswer): string =>
  told === 0
    ? `${cellId} lets nobody in, and holds no connection any more`
    : `${cellId} lets nobody in; ${told} connections were told to go elsewhere${gone ? `, ${gone} had left already` : ''}`;
