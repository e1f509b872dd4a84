import type { GuardedUpdate } from '../../core/routes/guarded-update.ts';
import type { DeadLetterItem, LaneItem, SubscriptionItem } from '../../core/subscriptions/model.ts';
import { openShard } from '../../core/subscriptions/rules.ts';
import { collect } from '../aws/collect.ts';
import type { Table } from '../aws/table.ts';
import { guarded } from '../commands/guarded.ts';
import type { DeadLetterStore, LaneStore, SubscriptionStore } from './ports.ts';

type Subscriptions = Table<SubscriptionItem, 'tenantId' | 'subscriptionId'>;
type Lanes = Table<LaneItem, 'deliveryKey' | 'alertKey'>;
type DeadLetters = Table<DeadLetterItem, 'deliveryKey' | 'letterId'>;

export const dynamoSubscriptions = (table: Subscriptions): SubscriptionStore => ({
  get: ({ tenantId, subscriptionId }) => table.get({ tenantId, subscriptionId }),
  ofTenant: (tenantId) =>
    collect(table.query({ key: '#tenantId = :tenant', values: { ':tenant': tenantId }, strong: true })),
  update: ({ tenantId, subscriptionId }, change: GuardedUpdate) =>
    guarded(table, { tenantId, subscriptionId }, change),
  async listDue(at, countMax) {
    const key = '#openShard = :shard AND #dueAt <= :at';
    const query = { key, values: { ':shard': openShard, ':at': at }, index: 'due', pageSize: countMax };
    return (await collect(table.query(query), countMax)).map(({ tenantId, subscriptionId }) => ({
      tenantId,
      subscriptionId,
    }));
  },
});

export const dynamoLanes = (table: Lanes): LaneStore => ({
  get: ({ deliveryKey, alertKey }) => table.get({ deliveryKey, alertKey }),
  async put(lane) {
    const written =
      lane.version === 1
        ? await table.putIfAbsent(lane)
        : await table.put(lane, {
            condition: '#version = :before',
            values: { ':before': lane.version - 1 },
          });
    return written.ok;
  },
  list: (deliveryKey, countMax) =>
    collect(
      table.query({
        index: 'due',
        key: '#deliveryKey = :key',
        values: { ':key': deliveryKey },
        strong: true,
        pageSize: countMax,
      }),
      countMax,
    ),
});

export const dynamoDeadLetters = (table: DeadLetters): DeadLetterStore => ({
  put: async (letter) => void (await table.put(letter)),
  remove: async ({ deliveryKey, letterId }) => void (await table.delete({ deliveryKey, letterId })),
  list: (deliveryKey, { countMax, after }) =>
    collect(
      table.query({
        key: '#deliveryKey = :key',
        values: { ':key': deliveryKey },
        strong: true,
        pageSize: countMax,
        after: after === undefined ? undefined : { deliveryKey, letterId: after },
      }),
      countMax,
    ),
});
