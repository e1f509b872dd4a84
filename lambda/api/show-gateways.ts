import type { Answers } from '../../core/api.ts';
import { HoldfastError } from '../../core/errors.ts';
import { gatewayView, type ViewedAt, type GatewayView } from '../../core/identity/gateway-view.ts';
import type { GatewayItem } from '../../core/model.ts';
import type { ApiRequest } from '../aws/http-handler.ts';
import type { gatewaysTable, inventoryTable, statusTable } from '../aws/tables.ts';
import { cursorOf } from './cursor.ts';
import { typed } from '../../core/typed.ts';

export interface ShowDeps {
  readonly gateways: ReturnType<typeof gatewaysTable>;
  readonly status: ReturnType<typeof statusTable>;
  readonly inventory: ReturnType<typeof inventoryTable>;
  readonly heartbeatIntervalMs: number;
  readonly now: () => number;
}

/** Now, as far as it matters to what is shown. */
export const viewedAt = ({
  now,
  heartbeatIntervalMs,
}: Pick<ShowDeps, 'now' | 'heartbeatIntervalMs'>): ViewedAt => ({
  now: now(),
  limits: { heartbeatIntervalMs },
});

/** A page's `next` is its last gateway. */
const gatewayCursor = /^([\w-]{1,64})$/;
/** Gateways of one answer. A heartbeat has about 1 KB, so a page stays far below Lambda's 6 MB. */
const pageCount = 100;

type Page = Answers['listGateways'];

/** A page without its revoked gateways is a shorter one: `next` is of all that there are. */
function isShown({
  status = 'current',
}: ApiRequest<'listGateways'>['query']): (gateway: GatewayItem) => boolean {
  if (status === 'all') return () => true;
  if (status === 'current') return (gateway) => gateway.status !== 'revoked';
  throw new HoldfastError('INVALID_INPUT', `status "${status}" is neither current nor all`);
}

/** The tenant's gateways in order of their ids; `?status=current` (the default: those not revoked) or `all`. */
export async function listGateways(
  deps: ShowDeps,
  { tenantId, query }: ApiRequest<'listGateways'>,
): Promise<Page> {
  const [after = ' '] = cursorOf(query['next'], gatewayCursor);
  const shown = isShown(query);
  const ids: string[] = [];
  const found = deps.gateways.query({
    index: 'byTenant',
    key: '#tenantId = :tenantId AND #gatewayId > :after',
    values: { ':tenantId': tenantId, ':after': after },
    pageSize: pageCount,
  });
  for await (const { gatewayId } of found) if (ids.push(gatewayId) === pageCount) break;
  const items = await deps.gateways.batchGet(ids.map((gatewayId) => ({ gatewayId })));
  return page(
    deps,
    items.filter((gateway) => gateway.tenantId === tenantId),
    { ids, shown },
  );
}

/** Every tenant's gateways, in no order; `?status=` as above. */
export async function fleetGateways(deps: ShowDeps, { query }: ApiRequest<'fleetGateways'>): Promise<Page> {
  const [gatewayId] = cursorOf(query['next'], gatewayCursor);
  const after = gatewayId === undefined ? undefined : { gatewayId };
  const shown = isShown(query);
  const items: GatewayItem[] = [];
  for await (const gateway of deps.gateways.scan({ pageSize: pageCount, after }))
    if (items.push(gateway) === pageCount) break;
  const ids = items.map(({ gatewayId }) => gatewayId);
  return page(deps, items, { ids, shown });
}

/** In the order of `ids`. A full page may have another behind it. */
async function page(
  deps: ShowDeps,
  found: GatewayItem[],
  { ids, shown }: { ids: string[]; shown: (gateway: GatewayItem) => boolean },
): Promise<Page> {
  const items = found.filter(shown);
  const statuses = await deps.status.batchGet(items.map(({ gatewayId }) => ({ gatewayId })));
  const statusOf = new Map(statuses.map((status) => [status.gatewayId, status]));
  const at = viewedAt(deps);
  const order = new Map(ids.map((gatewayId, position) => [gatewayId, position]));
  const gateways = items
    .toSorted((a, b) => (order.get(a.gatewayId) ?? 0) - (order.get(b.gatewayId) ?? 0))
    .map((gateway) => gatewayView(gateway, statusOf.get(gateway.gatewayId), at));
  const next = ids.length === pageCount ? ids.at(-1) : undefined;
  return { gateways, hiddenCount: found.length - items.length, next };
}

export async function getGateway(
  deps: ShowDeps,
  { tenantId, params }: ApiRequest<'getGateway'>,
): Promise<{ gateway: GatewayView }> {
  const gatewayId = params['gatewayId'] ?? '';
  const [gateway, status, inventory] = await Promise.all([
    deps.gateways.get({ gatewayId }),
    deps.status.get({ gatewayId }),
    deps.inventory.get({ gatewayId }),
  ]);
  if (gateway?.tenantId !== tenantId) throw noSuchGateway(gatewayId);
  return { gateway: gatewayView(gateway, status, viewedAt(deps), inventory) };
}

/** Another tenant's gateway answers as one that does not exist. */
export const noSuchGateway = (gatewayId: string): HoldfastError =>
  new HoldfastError('NOT_FOUND', `there is no gateway ${gatewayId}`, {
    hint: `\`${typed('holdfast gateways list')}\` shows those there are`,
  });
