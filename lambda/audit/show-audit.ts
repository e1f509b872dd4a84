import type { Answers } from '../../core/api.ts';
import { fleetScope } from '../../core/audit/actions.ts';
import { entryKeyForm, gatewayKeyOf, timeKey } from '../../core/audit/entry.ts';
import { auditViews } from '../../core/audit/view.ts';
import { HoldfastError } from '../../core/errors.ts';
import type { AuditItem } from '../../core/audit/audit-item.ts';
import { cursorOf } from '../api/cursor.ts';
import type { ApiRequest } from '../aws/http-handler.ts';
import type { auditTable } from '../aws/tables.ts';

export interface ShowAuditDeps {
  readonly entries: ReturnType<typeof auditTable>;
}

/** Entries of one answer. One has 20 KB at most, so a page stays below Lambda's 6 MB. */
const pageCount = 100;

/** A tenant's entries, or those about one gateway of it, newest first. */
export const listAudit = (
  deps: ShowAuditDeps,
  { tenantId, query }: ApiRequest<'listAudit'>,
): Promise<Answers['listAudit']> => entriesOf(deps, tenantId, query);

/** What operators did to the fleet itself. */
export const fleetAudit = (
  deps: ShowAuditDeps,
  { query }: ApiRequest<'fleetAudit'>,
): Promise<Answers['listAudit']> => entriesOf(deps, fleetScope, query);

async function entriesOf(
  { entries }: ShowAuditDeps,
  tenantId: string,
  query: ApiRequest<'listAudit'>['query'],
): Promise<Answers['listAudit']> {
  const { gateway } = query;
  const [after] = cursorOf(query['next'], entryKeyForm);
  const gatewayKey = gateway === undefined ? undefined : gatewayKeyOf(tenantId, gateway);
  const found = entries.query({
    ...(gatewayKey === undefined
      ? { key: '#tenantId = :of AND #entryKey BETWEEN :from AND :to', strong: true }
      : { key: '#gatewayKey = :of AND #entryKey BETWEEN :from AND :to', index: 'byGateway' }),
    values: {
      ':of': gatewayKey ?? tenantId,
      ':from': timeKey(timeOf('from', query['from'], 0)),
      // Above all keys of this millisecond: their next character is a dot.
      ':to': `${timeKey(timeOf('to', query['to'], timeMax))}/`,
    },
    newestFirst: true,
    pageSize: pageCount,
    after:
      after === undefined ? undefined : { tenantId, entryKey: after, ...(gatewayKey ? { gatewayKey } : {}) },
  });
  const items: AuditItem[] = [];
  for await (const item of found) if (items.push(item) === pageCount) break;
  const last = items.length === pageCount ? items.at(-1) : undefined;
  return { entries: auditViews(items, after), ...(last ? { next: last.entryKey } : {}) };
}

const timeMax = 999_999_999_999_999;

function timeOf(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new HoldfastError('INVALID_INPUT', `${name} "${text.slice(0, 40)}" is no time`, {
    hint: 'times are Unix milliseconds',
  });
}
