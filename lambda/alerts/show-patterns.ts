import { fleetScope } from '../../core/audit/actions.ts';
import { conditionById } from '../../core/conditions/conditions.ts';
import { HoldfastError } from '../../core/errors.ts';
import type { AlertItem } from '../../core/model.ts';
import { didYouMean } from '../../core/nearest-names.ts';
import { attributeNames } from '../../core/patterns/attributes.ts';
import { breakdownLines } from '../../core/patterns/breakdown.ts';
import type { PatternEvidence } from '../../core/patterns/evidence.ts';
import { patternView, type BreakdownView, type PatternView } from '../../core/patterns/pattern-view.ts';
import { typed } from '../../core/typed.ts';
import { cursorOf } from '../api/cursor.ts';
import type { ApiRequest } from '../aws/http-handler.ts';
import type { patternsTable } from '../aws/tables.ts';
import type { AlertsTable } from './alert-store.ts';
import { isOpen, pageCount } from './show-alerts.ts';
import { requireWhole, wholeAlerts } from './whole-alerts.ts';

export interface PatternsApiDeps {
  readonly alerts: AlertsTable;
  readonly patterns: ReturnType<typeof patternsTable>;
}

type PatternAlert = AlertItem & { pattern: PatternEvidence };
const isPattern = (item: AlertItem | undefined): item is PatternAlert =>
  item?.tenantId === fleetScope && item.pattern !== undefined;

/** Those that changed last first; `?state=open` (the default) or `all`. */
export async function fleetPatterns(
  { alerts }: PatternsApiDeps,
  { query, log }: ApiRequest<'fleetPatterns'>,
): Promise<{ patterns: PatternView[]; next?: string }> {
  const { state = 'open', next } = query;
  if (state !== 'open' && state !== 'all')
    throw new HoldfastError('INVALID_INPUT', `state "${state}" is neither open nor all`, {
      hint: 'leave it away for those that are open',
    });
  const [changedAt, alertKey] = cursorOf(next, /^(\d{1,15})\.([0-9a-f]{32})$/);
  const found = alerts.query({
    index: 'byTenant',
    key: '#tenantId = :tenant',
    filter: state === 'open' ? isOpen.filter : undefined,
    values: { ':tenant': fleetScope, ...(state === 'open' ? isOpen.values : {}) },
    newestFirst: true,
    after:
      alertKey === undefined ? undefined : { tenantId: fleetScope, changedAt: Number(changedAt), alertKey },
  });
  const items: PatternAlert[] = [];
  for await (const item of wholeAlerts(found, log))
    if (isPattern(item) && items.push(item) === pageCount) break;
  const last = items.length === pageCount ? items.at(-1) : undefined;
  return {
    patterns: items.map(patternView),
    ...(last && { next: `${last.changedAt}.${last.alertKey}` }),
  };
}

/** NOT_FOUND, INTERNAL where it is damaged. */
export async function fleetPattern(
  { alerts }: PatternsApiDeps,
  { params }: ApiRequest<'fleetPattern'>,
): Promise<{ pattern: PatternView }> {
  const alertKey = params['alertKey'] ?? '';
  const item = /^[0-9a-f]{32}$/.test(alertKey) ? await alerts.get({ alertKey }) : undefined;
  if (item?.tenantId === fleetScope) requireWhole(item);
  if (isPattern(item)) return { pattern: patternView(item) };
  throw new HoldfastError('NOT_FOUND', `there is no pattern ${alertKey.slice(0, 64)}`, {
    hint: `\`${typed('holdfast patterns list --all')}\` shows them`,
  });
}

/** From what the status proxy wrote last: some minutes old, and as cheap for a million gateways as for ten. */
export async function fleetBreakdown(
  { patterns }: PatternsApiDeps,
  { query }: ApiRequest<'fleetBreakdown'>,
): Promise<{ breakdown: BreakdownView }> {
  const attribute = oneOf('by', query['by'], attributeNames);
  const condition = oneOf('condition', query['condition'], [...conditionById.keys()]);
  const item = await patterns.get({ itemKey: `breakdown/${attribute}` });
  if (!item || !('rows' in item))
    throw new HoldfastError('NOT_FOUND', `nothing is known of the fleet by ${attribute} yet`, {
      hint: 'the status proxy writes it every five minutes; look at its log if it does not',
    });
  const { at, left } = item;
  return { breakdown: { attribute, condition, at, left, lines: breakdownLines(item, condition) } };
}

export function oneOf<const Name extends string>(
  what: string,
  given: string | undefined,
  names: readonly Name[],
): Name {
  const found = names.find((name) => name === given);
  if (found !== undefined) return found;
  const all = `it is one of ${names.join(', ')}`;
  if (given === undefined) throw new HoldfastError('INVALID_INPUT', `${what} is missing`, { hint: all });
  throw new HoldfastError('INVALID_INPUT', `${what} "${given.slice(0, 64)}" is unknown`, {
    hint: didYouMean(given, names, all),
  });
}
