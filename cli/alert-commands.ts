import type { Command } from 'commander';
import { conditionById } from '../core/conditions/conditions.ts';
import { runbookOf, valueText } from '../core/conditions/settings.ts';
import { durationText, timeText } from '../core/readable.ts';
import type { AlertTrail, AlertView, Answers } from '../core/api.ts';
import { shellWord, typed } from '../core/typed.ts';
import { addConditionCommands } from './condition-commands.ts';
import { allAlerts } from './all-pages.ts';
import { filteredAlerts, requireCondition, withAlertFilter, type AlertFilter } from './alert-filter.ts';
import { requireGateways, unknownTenantText } from './known-gateways.ts';
import { fields, paragraph, table, toBeTyped } from './output.ts';
import { apiCommand, commandGroup, type CliDeps, type Session } from './program.ts';
import { addSilenceCommands } from './silence-commands.ts';
import { addSubscriptionCommands } from './subscription-commands.ts';
import { wholeAlertKey, wholeGatewayId } from './whole-id.ts';

export function addAlertCommands(program: Command, deps: CliDeps): void {
  const group = commandGroup(program, 'alerts', 'alerts of a tenant, and where they go', [
    'alerts list',
    'alerts trail 3f9a…',
    'alerts subscriptions',
  ]);
  const list = apiCommand(group, 'list', 'list open alerts', deps, [
    'alerts list',
    'alerts list --severity critical --gateway gw-3f9a',
    'alerts list --all --json',
  ]);
  withAlertFilter(list.option('--all', 'resolved ones too')).run(async (session) => {
    const { all, ...flags } = list.opts<AlertFilter & { all?: boolean }>();
    requireCondition(flags, [session.context.tenantId]);
    const gateway = flags.gateway && (await wholeGatewayId(session, flags.gateway));
    await requireGateways(session.api, gateway === undefined ? [] : [gateway]);
    const found = await allAlerts(session.api, all ? 'all' : 'open');
    const alerts = filteredAlerts(found, { ...flags, gateway });
    const whose = found.length === 0 ? await unknownTenantText(session) : '';
    session.show({ alerts }, () => alertTable(alerts, session.deps.now()) + whose);
  });

  apiCommand(group, 'show <alert>', 'show one alert', deps, ['alerts show 3f9a…']).run(
    async (session, given = '') => {
      const { api, deps, show, toType } = session;
      const alertKey = await wholeAlertKey(session, given);
      const { alert } = await api.call('getAlert', { params: { alertKey } });
      show({ alert }, () => alertText(alert, toType, deps.now()));
    },
  );
  const ack = apiCommand(group, 'ack <alert>', 'acknowledge an alert: somebody is on it', deps, [
    'alerts ack 3f9a… --why "disk is on its way"',
    'alerts ack 3f9a… --tenant \'*\' --why "the carrier knows"',
  ]);
  const unack = apiCommand(group, 'unack <alert>', 'take an acknowledgement back', deps, [
    'alerts unack 3f9a… --why "not ours"',
  ]);
  for (const [command, route] of [
    [ack, 'ackAlert'],
    [unack, 'unackAlert'],
  ] as const)
    command.option('--why <text>', 'for whoever reads the trail').run(async (session, given = '') => {
      const { api, show, toType } = session;
      const { why } = command.opts<{ why?: string }>();
      const alertKey = await wholeAlertKey(session, given);
      const answer = await api.call(route, { params: { alertKey }, body: { why } });
      show(answer, () => [...alreadyText(answer), alertText(answer.alert, toType, deps.now())].join('\n'));
    });
  apiCommand(group, 'trail <alert>', 'show what happened: alert, commands and their outcomes', deps, [
    'alerts trail 3f9a…',
  ]).run(async (session, given = '') => {
    const alertKey = await wholeAlertKey(session, given);
    const trail = await session.api.call('alertTrail', { params: { alertKey } });
    session.show(trail, () => trailText(trail, session.toType));
  });
  addConditionCommands(group, deps);
  addSilenceCommands(group, deps);
  addSubscriptionCommands(group, deps);
}

/** Also for the fleet, where the tenant matters. */
export function alertTable(alerts: AlertView[], now: number, withTenant = false): string {
  if (alerts.length === 0) return 'no alerts';
  return table(
    ['ALERT', 'SEVERITY', 'STATE', 'GATEWAY'],
    alerts.map(({ alertKey, severity, state, gatewayId }) => [alertKey, severity, state, gatewayId || '-']),
    alerts.map((alert) => {
      const what = alert.component ? `${alert.conditionId} ${alert.component}` : alert.conditionId;
      const since = sinceText(alert, now);
      const held = alert.heldBy ? `, held by ${alert.heldBy}` : '';
      const silenced = alert.silencedBy && !alert.heldBy ? `, silenced by ${alert.silencedBy}` : '';
      const unsolved = escalationOf(alert);
      const mark = unsolved ? `; escalated: ${unsolved.reason}` : '';
      const whose = withTenant ? `, tenant ${alert.tenantId}` : '';
      return `${what}, ${since}${held}${silenced}${whose}: ${alert.summary}${mark}`;
    }),
  );
}

/** Since when it is what it is. */
function sinceText(alert: AlertView, now: number): string {
  const { state, firedAt, resolvedAt, changedAt } = alert;
  if (state === 'RESOLVED' && resolvedAt !== undefined)
    return `resolved ${durationText(now - resolvedAt)} ago`;
  const clearSince = clearSinceOf(alert);
  const clear = clearSince === undefined ? '' : `, clear for ${durationText(now - clearSince)}`;
  return `${durationText(now - (firedAt ?? changedAt))} ago${clear}`;
}

/** It reads well, and is not taken for over yet. */
const clearSinceOf = ({ state, clearSince }: AlertView): number | undefined =>
  state === 'FIRING' || state === 'ACKED' ? clearSince : undefined;

const clearText = (since: number): string =>
  `since ${timeText(since)}; it resolves once that has lasted: an hour at most where it came and went before`;

function alertText(alert: AlertView, toType: Session['toType'], now: number): string {
  const clearSince = clearSinceOf(alert);
  const head = fields(
    {
      alert: alert.alertKey,
      condition: alert.conditionId,
      component: alert.component || undefined,
      gateway: alert.gatewayId || undefined,
      severity: alert.severity,
      state: alert.state,
      episode: alert.episode,
      summary: alert.summary,
      latest: latestText(alert, now),
      fired: alert.firedAt && timeText(alert.firedAt),
      clear: clearSince && clearText(clearSince),
      acknowledged: alert.ackedAt && ackText(alert),
      escalated: escalationText(alert),
      told: toldText(alert),
      silenced: alert.silencedBy && silencedText(alert.silencedBy, toType),
      reminders: alert.reminders,
      resolved: alert.resolvedAt && timeText(alert.resolvedAt),
      runbook: conditionById.has(alert.conditionId) ? runbookOf(alert.conditionId) : undefined,
    },
    { wraps: true },
  );
  const isAnswered = alert.suggested && alert.state !== 'RESOLVED' && clearSince === undefined;
  const answer = isAnswered ? [toBeTyped('answer', answerText(alert, toType))] : [];
  const audit = alert.audit.map(({ at, state, note }) =>
    paragraph(note ? `${state}  ${note}` : state, `  ${timeText(at)}  `),
  );
  return [head, ...answer, 'audit:', ...audit].join('\n');
}

/** What its gateway said of it last: the summary is of when it was told. */
function latestText({ conditionId, latest }: AlertView, now: number): string | undefined {
  const unit = conditionById.get(conditionId)?.unit;
  return latest && unit && `${valueText(unit, latest.value)}, ${durationText(now - latest.at)} ago`;
}

/** The mark of the episode that it is in. */
const escalationOf = ({ escalation, episode, state }: AlertView): AlertView['escalation'] =>
  escalation?.episode === episode && state !== 'RESOLVED' ? escalation : undefined;

function escalationText(alert: AlertView): string | undefined {
  const mark = escalationOf(alert);
  return mark && `${timeText(mark.at)} by ${mark.by}: ${mark.reason}`;
}

/** By whom else, or why nobody was. */
function toldText({ inhibitedBy, heldBy }: AlertView): string | undefined {
  if (inhibitedBy) return `by another alert, ${inhibitedBy}`;
  return heldBy && `nobody, held by ${heldBy}`;
}

/** Where there was nothing to acknowledge or take back, and what became of it. */
function alreadyText(answer: Answers['ackAlert'] | Answers['unackAlert']): string[] {
  if ('hadNone' in answer) return ['nobody had acknowledged it; nothing was changed'];
  const before = 'before' in answer ? answer.before : undefined;
  if (!before) return [];
  const isSame = before.ackedWhy === answer.alert.ackedWhy;
  const became = isSame ? 'nothing was changed' : 'what you say stands in its place';
  return [paragraph(`it was acknowledged already, ${ackText(before)}; ${became}`, '')];
}

const ackText = ({ ackedAt = 0, ackedBy, ackedWhy }: Partial<AlertView>): string =>
  `${timeText(ackedAt)} by ${ackedBy}${ackedWhy === undefined ? '' : `: ${ackedWhy}`}`;

/** What the provider suggests, to be typed. */
function answerText({ gatewayId, alertKey, suggested }: AlertView, toType: Session['toType']): string {
  const params = Object.entries(suggested?.params ?? {}).map(
    ([name, value]) => `-p ${shellWord(`${name}=${String(value)}`)} `,
  );
  return toType(`holdfast send ${gatewayId} ${suggested?.kind} ${params.join('')}--alert ${alertKey}`);
}

/** By what it is kept quiet now, also where its firing was told before. */
const silencedText = (silenceId: string, toType: Session['toType']): string =>
  `by ${silenceId}; \`${toType('holdfast alerts silences')}\` says by whom and why`;

/** The transitions of the alert and of the commands that answer it, oldest first; below them what holds now. */
export function trailText({ alert, entries }: AlertTrail, toType: Session['toType'] = typed): string {
  const rows = table(
    ['AT', 'WHAT', 'STATE', 'OF'],
    entries.map(({ at, what, state, kind }) => [timeText(at), what, state, kind ?? alert.conditionId]),
    entries.map(({ commandId, note }) => [commandId, note].filter(Boolean).join(', ') || undefined),
  );
  const { silencedBy } = alert;
  return silencedBy === undefined
    ? rows
    : `${rows}\n${paragraph(silencedText(silencedBy, toType), 'silenced ')}`;
}
