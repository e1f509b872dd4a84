import { openShards } from '../../core/alerts/alert-key.ts';
import type { AlertItem } from '../../core/model.ts';
import type { alertsTable } from '../aws/tables.ts';
import { collect } from '../aws/collect.ts';
import type { AlertStore } from './ports.ts';

export type AlertsTable = ReturnType<typeof alertsTable>;

/** The Alerts table as the proxy uses it. */
export function dynamoAlertStore(table: AlertsTable): AlertStore {
  return {
    open: async () => (await Promise.all(openShards.map((shard) => openOfShard(table, shard)))).flat(),
    get: (alertKey) => table.get({ alertKey }),
    put: (item) => putNext(table, item),
  };
}

/** Writes the item over the version before it; false where that is not the stored one. */
export async function putNext(table: AlertsTable, item: AlertItem): Promise<boolean> {
  const written =
    item.version === 1
      ? await table.putIfAbsent(item)
      : await table.put(item, { condition: '#version = :before', values: { ':before': item.version - 1 } });
  return written.ok;
}

async function openOfShard(table: AlertsTable, shard: string): Promise<AlertItem[]> {
  const key = '#openShard = :shard';
  return collect(table.query({ index: 'open', key, values: { ':shard': shard } }));
}
