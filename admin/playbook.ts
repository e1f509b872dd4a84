import type { AlertView } from '../core/api.ts';
import { matches } from '../core/bulk/shares.ts';
import { commandSpecs, type CommandKind } from '../core/command-kinds.ts';
import { HoldfastError } from '../core/errors.ts';
import { plainIssues } from '../core/plain-issues.ts';
import { isPlaceholder, suggestedNameOf, type Play, type Playbook } from './playbook-schema.ts';

/** The first play for this alert. `gatewayName`: as people call the gateway. */
export const playFor = (playbook: Playbook, alert: AlertView, gatewayName = ''): Play | undefined =>
  playbook.plays.find(
    ({ condition, match }) =>
      condition === alert.conditionId &&
      (match.severities?.includes(alert.severity) ?? true) &&
      (match.gatewayIds?.includes(alert.gatewayId) ?? true) &&
      (match.gatewayNames?.some((pattern) => matches(pattern, gatewayName)) ?? true) &&
      (match.components?.includes(alert.component) ?? true),
  );

/** Whether it takes the gateway's name to tell which play is for the alert. */
export const asksForName = (playbook: Playbook, { conditionId }: AlertView): boolean =>
  playbook.plays.some(({ condition, match }) => condition === conditionId && match.gatewayNames);

export interface PlannedCommand {
  kind: CommandKind;
  params: Record<string, string | number | boolean>;
}

/** The play's command for this alert. Throws INVALID_INPUT where the alert's field is no such parameter. */
export function commandFor({ command }: Play, alert: AlertView): PlannedCommand {
  const params: PlannedCommand['params'] = {};
  for (const [name, value] of Object.entries(command.params)) {
    const filled = isPlaceholder(value) ? fieldOf(alert, value) : value;
    if (filled === undefined)
      throw new HoldfastError('INVALID_INPUT', `alert ${alert.alertKey} has no ${String(value).slice(1)}`, {
        hint: 'give the parameter a value in the playbook',
      });
    params[name] = filled;
  }
  const parsed = commandSpecs[command.kind].params.safeParse(params);
  if (parsed.success) return { kind: command.kind, params };
  throw new HoldfastError(
    'INVALID_INPUT',
    `alert ${alert.alertKey} does not fit ${command.kind}: ${plainIssues(parsed.error, params)}`,
    { hint: 'act by hand: the gateway reported a name that is none' },
  );
}

function fieldOf(alert: AlertView, text: string): string | number | undefined {
  if (text === '$component') return alert.component;
  const name = suggestedNameOf(text);
  const params = alert.suggested?.params;
  return name !== undefined && params && Object.hasOwn(params, name) ? params[name] : undefined;
}
