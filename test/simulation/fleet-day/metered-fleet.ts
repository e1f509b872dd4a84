import { Roster } from '../../../core/alerts/roster.ts';
import type { GatewayItem, StatusItem } from '../../../core/model.ts';
import { newsShards } from '../../../core/routes/gateway-news.ts';
import type { FleetSource } from '../../../lambda/alerts/ports.ts';
import { pagesOf } from '../../support/fleet.ts';
import { newsEntryBytes, type TableMeter } from './metered-stores.ts';
import { itemBytes, readUnitsOf } from './usage-meter.ts';

const bytesOf = (items: readonly object[]): number =>
  items.reduce<number>((sum, item) => sum + itemBytes(item), 0);

/** The fleet as the status proxy reads it, what it costs counted: scans by their bytes, single items by half a unit. */
export function meteredFleet(
  {
    gateways,
    statuses,
  }: { gateways: ReadonlyMap<string, GatewayItem>; statuses: ReadonlyMap<string, StatusItem> },
  meter: TableMeter,
): FleetSource {
  const scanned = <T extends object>(items: T[]) => {
    meter.units('readUnits', readUnitsOf(bytesOf(items), false));
    return pagesOf(items);
  };
  const byIds = (ids: readonly string[]): GatewayItem[] => {
    const found = ids.flatMap((id) => gateways.get(id) ?? []);
    for (const item of found) meter.units('readUnits', readUnitsOf(itemBytes(item), false));
    return found;
  };
  return {
    roster: new Roster(),
    gateways: () => scanned([...gateways.values()]),
    statuses: () => scanned([...statuses.values()]),
    changes: {
      byIds: async (ids) => byIds(ids),
      since: (ms, isKnown) => {
        const news = [...gateways.values()].filter(({ newsAt }) => newsAt !== undefined && newsAt >= ms);
        for (const shard of newsShards) {
          const entries = news.filter(({ newsShard }) => newsShard === shard);
          meter.units('readUnits', readUnitsOf(entries.length * newsEntryBytes, false));
        }
        const unread = news.filter(({ gatewayId, newsAt }) => !isKnown(gatewayId, newsAt!));
        return pagesOf(byIds(unread.map(({ gatewayId }) => gatewayId)));
      },
    },
  };
}
