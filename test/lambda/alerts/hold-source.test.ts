import type { AlertItem } from '../../../core/model.ts';
import { holdLookup } from '../../../lambda/alerts/hold-source.ts';
import { t0 } from '../../support/fleet.ts';

test('an alert about many gateways is looked up by its tenant alone: no item has an empty key', async () => {
  const asked: string[] = [];
  const source = {
    silences: async (tenantId: string) => (asked.push(tenantId), []),
    configuration: async (gatewayId: string) => void asked.push(gatewayId),
  };
  const alert = { tenantId: '*', gatewayId: '', conditionId: 'CellSilent', component: 'cell-1' } as AlertItem;
  expect(await holdLookup(source, t0)(alert)).toBeUndefined();
  expect(asked).toEqual(['*']);
});
