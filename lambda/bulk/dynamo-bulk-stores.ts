import type { BulkJobItem, BulkTargetItem } from '../../core/bulk/model.ts';
import { openShard } from '../../core/bulk/rules.ts';
import { HoldfastError } from '../../core/errors.ts';
import { cursorOf } from '../api/cursor.ts';
import { collect } from '../aws/collect.ts';
import type { Table } from '../aws/table.ts';
import { guarded } from '../commands/guarded.ts';
import type { BulkJobStore, BulkTargetStore } from './ports.ts';

type Jobs = Table<BulkJobItem, 'bulkId'>;
type Targets = Table<BulkTargetItem, 'bulkId' | 'gatewayId'>;

export const dynamoBulkJobs = (table: Jobs): BulkJobStore => ({
  get: (bulkId) => table.get({ bulkId }),
  async create(job) {
    const written = await table.putIfAbsent(job);
    if (written.ok) return written.item;
    if (written.current) return written.current;
    throw new HoldfastError('BUSY', `bulk send ${job.bulkId} changes too fast`, { hint: 'try again' });
  },
  update: (bulkId, change) => guarded(table, { bulkId }, change),
  async listOpen(countMax) {
    const key = '#openShard = :shard';
    const query = { key, values: { ':shard': openShard }, index: 'open', pageSize: countMax };
    return (await collect(table.query(query), countMax)).map(({ bulkId }) => bulkId);
  },
  async list(tenantId, { countMax, next }) {
    const [createdAt, bulkId] = cursorOf(next, /^(\d{1,15})\.([0-9a-f]{32})$/);
    const query = table.query({
      key: '#tenantId = :tenantId',
      values: { ':tenantId': tenantId },
      index: 'byTenant',
      newestFirst: true,
      pageSize: countMax,
      after: bulkId === undefined ? undefined : { tenantId, createdAt: Number(createdAt), bulkId },
    });
    const found = await collect(query, countMax);
    const jobs = await table.batchGet(found.map((each) => ({ bulkId: each.bulkId })));
    const last = found.length === countMax ? found.at(-1) : undefined;
    return {
      jobs: jobs.toSorted((a, b) => b.createdAt - a.createdAt || (a.bulkId < b.bulkId ? 1 : -1)),
      ...(last ? { next: `${last.createdAt}.${last.bulkId}` } : {}),
    };
  },
});

export const dynamoBulkTargets = (table: Targets): BulkTargetStore => ({
  create: async (target) => void (await table.putIfAbsent(target)),
  update: ({ bulkId, gatewayId }, change) => guarded(table, { bulkId, gatewayId }, change),
  list: (bulkId) =>
    collect(table.query({ key: '#bulkId = :bulkId', values: { ':bulkId': bulkId }, strong: true })),
  page: (bulkId, { countMax, after }) =>
    collect(
      table.query({
        key: '#bulkId = :bulkId',
        values: { ':bulkId': bulkId },
        strong: true,
        pageSize: countMax,
        after: after === undefined ? undefined : { bulkId, gatewayId: after },
      }),
      countMax,
    ),
});
