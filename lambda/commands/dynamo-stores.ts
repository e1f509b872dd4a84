import { isDeepStrictEqual } from 'node:util';
import { audited } from '../../core/commands/machine.ts';
import type { CellsItem, CommandItem, ConfigurationItem, GatewayItem, HolderItem } from '../../core/model.ts';
import type { GuardedUpdate } from '../../core/routes/guarded-update.ts';
import { collect } from '../aws/collect.ts';
import type { Table } from '../aws/table.ts';
import { pageOf } from './page.ts';
import { conditionWords, updateWords } from './dynamo-update.ts';
import type { CellsStore, CommandStore, ConfigurationStore, GatewayStore, HolderStore } from './ports.ts';

type ByGateway<Item extends { gatewayId: string }> = Table<Item, 'gatewayId'>;

export const dynamoGateways = (table: ByGateway<GatewayItem>): GatewayStore => ({
  get: (gatewayId) => table.get({ gatewayId }),
  update: (gatewayId, change) => guarded(table, gatewayId, change),
});

export const dynamoConfigurations = (table: ByGateway<ConfigurationItem>): ConfigurationStore => ({
  get: (gatewayId) => table.get({ gatewayId }),
  update: (gatewayId, change) => guarded(table, gatewayId, change),
});

export const dynamoCells = (table: Table<CellsItem, 'scope'>): CellsStore => ({
  get: (scope) => table.get({ scope }),
  async update(scope, update) {
    const { change, ...expression } = updateWords(update);
    const written = await table.update({ scope }, change, expression);
    return written.ok ? written.item : undefined;
  },
});

export const dynamoHolders = (table: ByGateway<HolderItem>): HolderStore => ({
  get: (gatewayId) => table.get({ gatewayId }),
  update: (gatewayId, change) => guarded(table, gatewayId, change),
  async remove(gatewayId, when) {
    const { ok } = await table.delete({ gatewayId }, conditionWords(when));
    return ok;
  },
});

async function guarded<Item extends { gatewayId: string }>(
  table: ByGateway<Item>,
  gatewayId: string,
  update: GuardedUpdate,
): Promise<Item | undefined> {
  const { change, ...expression } = updateWords(update);
  const written = await table.update({ gatewayId } as Pick<Item, 'gatewayId'>, change, expression);
  return written.ok ? written.item : undefined;
}

export const dynamoCommands = (table: Table<CommandItem, 'gatewayId' | 'commandId'>): CommandStore => ({
  get: (gatewayId, commandId) => table.get({ gatewayId, commandId }),
  async create(item) {
    const written = await table.putIfAbsent(item);
    return written.ok || isDeepStrictEqual(written.current, item);
  },
  async replace(item) {
    const condition = { condition: '#version = :before', values: { ':before': item.version - 1 } };
    const written = await table.put(item, condition);
    // Sent again after a time-out, a write can meet its own first try.
    return written.ok || isDeepStrictEqual(written.current, item);
  },
  async settle(item) {
    const condition = { condition: '#version = :before', values: { ':before': item.version } };
    await table.put(audited(item), condition);
  },
  async listOpen(gatewayId) {
    const key = '#gatewayId = :gatewayId';
    return collect(table.query({ key, values: { ':gatewayId': gatewayId }, index: 'open', strong: true }));
  },
  async list(gatewayId, { countMax, next }) {
    const before = Number(next ?? Number.MAX_SAFE_INTEGER);
    const query = table.query({
      key: '#gatewayId = :gatewayId AND #createdAt < :before',
      values: { ':gatewayId': gatewayId, ':before': Number.isFinite(before) ? before : 0 },
      index: 'byTime',
      newestFirst: true,
      pageSize: countMax + 1,
    });
    return pageOf(await collect(query, countMax + 1), countMax);
  },
  async listDue(shard, { at, countMax }) {
    const query = table.query({
      key: '#openShard = :shard AND #dueAt <= :at',
      values: { ':shard': shard, ':at': at },
      index: 'openByShard',
      pageSize: countMax,
    });
    return (await collect(query, countMax)).map(({ gatewayId, commandId }) => ({ gatewayId, commandId }));
  },
});
