import type { BulkSelection } from '../../../core/bulk/model.ts';
import { collect } from '../../../lambda/aws/collect.ts';
import { gatewaysTable, statusTable } from '../../../lambda/aws/tables.ts';
import { selectGateways } from '../../../lambda/bulk/select-gateways.ts';
import { startDynamo, type TestDynamo } from '../../support/dynamo.ts';
import { gatewayItem } from '../../support/gateway-item.ts';

let dynamo: TestDynamo;
beforeAll(async () => void (dynamo = await startDynamo()));
afterAll(() => dynamo.close());

it.each<[string, BulkSelection]>([
  ['all', { all: true }],
  ['where', { where: { name: 'oslo-*' } }],
])('%s takes the tenant’s active gateways alone: none that was revoked or waits', async (_, select) => {
  const names = await dynamo.createTables();
  const gateways = gatewaysTable(names.GATEWAYS_TABLE, dynamo.client);
  const status = statusTable(names.STATUS_TABLE, dynamo.client);
  const seeded = [
    gatewayItem({ gatewayId: 'gw-1' }),
    gatewayItem({ gatewayId: 'gw-2', status: 'revoked' }),
    gatewayItem({ gatewayId: 'gw-3', status: 'pending' }),
    gatewayItem({ gatewayId: 'gw-4', tenantId: 'other' }),
  ];
  for (const item of seeded) await gateways.put({ ...item, name: 'oslo-1' });
  const chosen = await collect(selectGateways({ gateways, status })('acme', select));
  expect(chosen).toEqual(['gw-1']);
});
