import pLimit from 'p-limit';
import type { GatewayItem } from '../../core/model.ts';
import { newsShards } from '../../core/routes/gateway-news.ts';
import { collect } from '../aws/collect.ts';
import type { gatewaysTable } from '../aws/tables.ts';
import type { GatewayChanges } from './ports.ts';

const keysPerRead = 100;
const readsAtOnce = 8;
const pageSize = 1_000;

/** Changes of gateways, by the index of their news. */
export function gatewayChanges(
  table: Pick<ReturnType<typeof gatewaysTable>, 'query' | 'batchGet'>,
): GatewayChanges {
  async function byIds(gatewayIds: readonly string[]): Promise<GatewayItem[]> {
    const limit = pLimit(readsAtOnce);
    const parts = slices(gatewayIds, keysPerRead).map((ids) =>
      limit(() =>
        table.batchGet(
          ids.map((gatewayId) => ({ gatewayId })),
          { strong: false },
        ),
      ),
    );
    return (await Promise.all(parts)).flat();
  }

  return {
    byIds,
    since: async function* (ms, isKnown) {
      const shards = newsShards.map((shard) =>
        collect(
          table.query({
            index: 'byNews',
            key: '#newsShard = :shard AND #newsAt >= :since',
            values: { ':shard': shard, ':since': ms },
          }),
        ),
      );
      const entries = (await Promise.all(shards)).flat();
      const news = new Map(entries.map(({ gatewayId, newsAt = 0 }) => [gatewayId, newsAt]));
      const unread = [...news.keys()].filter((gatewayId) => !isKnown(gatewayId, news.get(gatewayId)!));
      for (const page of slices(unread, pageSize)) {
        const items = await byIds(page);
        // One that is older than its entry comes from a copy that lags: it is read again at the next look.
        yield items.filter(({ gatewayId, newsAt = 0 }) => newsAt >= news.get(gatewayId)!);
      }
    },
  };
}

const slices = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
