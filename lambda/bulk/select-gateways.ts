import type { BulkSelection } from '../../core/bulk/model.ts';
import { matches } from '../../core/bulk/shares.ts';
import type { GatewayItem, StatusItem } from '../../core/model.ts';
import type { gatewaysTable, statusTable } from '../aws/tables.ts';
import type { GatewaySelector } from './ports.ts';

interface Tables {
  readonly gateways: ReturnType<typeof gatewaysTable>;
  readonly status: ReturnType<typeof statusTable>;
}
const batchCount = 100;

/** Reads the tenant's gateways a hundred at a time; their status only where a version is asked for. */
export const selectGateways = (tables: Tables): GatewaySelector =>
  async function* (tenantId, select) {
    let batch: string[] = [];
    const found = tables.gateways.query({
      index: 'byTenant',
      key: '#tenantId = :tenantId',
      values: { ':tenantId': tenantId },
    });
    for await (const { gatewayId } of found) {
      if (batch.push(gatewayId) < batchCount) continue;
      yield* await chosen(tables, tenantId, batch, select);
      batch = [];
    }
    yield* await chosen(tables, tenantId, batch, select);
  };

async function chosen(
  { gateways, status }: Tables,
  tenantId: string,
  gatewayIds: string[],
  select: BulkSelection,
): Promise<string[]> {
  const keys = gatewayIds.map((gatewayId) => ({ gatewayId }));
  const asksVersion = 'where' in select && select.where.agentVersion !== undefined;
  const [items, statuses] = await Promise.all([
    gateways.batchGet(keys),
    asksVersion ? status.batchGet(keys) : Promise.resolve([]),
  ]);
  const statusOf = new Map(statuses.map((each) => [each.gatewayId, each]));
  return items
    .filter((item) => item.tenantId === tenantId && isChosen(item, statusOf.get(item.gatewayId), select))
    .map(({ gatewayId }) => gatewayId);
}

function isChosen(gateway: GatewayItem, status: StatusItem | undefined, select: BulkSelection): boolean {
  if (gateway.status !== 'active') return false;
  if (!('where' in select)) return true;
  const { name, agentVersion } = select.where;
  if (name !== undefined && !matches(name, gateway.name ?? '')) return false;
  return agentVersion === undefined || matches(agentVersion, status?.heartbeat.agentVersion ?? '');
}
