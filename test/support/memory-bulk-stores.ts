import type { BulkJobItem, BulkTargetItem } from '../../core/bulk/model.ts';
import { applied } from '../../core/routes/guarded-update.ts';
import type { BulkJobStore, BulkTargetStore } from '../../lambda/bulk/ports.ts';

/** The stores of bulk sends in memory; one contract suite runs over these and DynamoDB's. */
export class MemoryBulkStores {
  readonly jobs = new Map<string, BulkJobItem>();
  readonly targets = new Map<string, BulkTargetItem>();

  jobStore(): BulkJobStore {
    const items = this.jobs;
    const byTime = (a: BulkJobItem, b: BulkJobItem) =>
      b.createdAt - a.createdAt || (a.bulkId < b.bulkId ? 1 : -1);
    return {
      get: (bulkId) => later(() => items.get(bulkId)),
      create: (job) =>
        later(() => {
          if (!items.has(job.bulkId)) items.set(job.bulkId, structuredClone(job));
          return items.get(job.bulkId)!;
        }),
      update: (bulkId, update) =>
        later(() => {
          const next = applied(update, items.get(bulkId), { bulkId });
          if (next) items.set(bulkId, next);
          return next;
        }),
      listOpen: (countMax) =>
        later(() =>
          [...items.values()]
            .filter(({ openShard }) => openShard !== undefined)
            .sort((a, b) => a.dueAt! - b.dueAt!)
            .slice(0, countMax)
            .map(({ bulkId }) => bulkId),
        ),
      list: (tenantId, { countMax, next }) =>
        later(() => {
          const all = [...items.values()].filter((job) => job.tenantId === tenantId).sort(byTime);
          const from = next === undefined ? 0 : all.findIndex((job) => cursor(job) === next) + 1;
          const jobs = all.slice(from, from + countMax);
          return { jobs, ...(jobs.length === countMax ? { next: cursor(jobs.at(-1)!) } : {}) };
        }),
    };
  }

  targetStore(): BulkTargetStore {
    const items = this.targets;
    const key = (row: Pick<BulkTargetItem, 'bulkId' | 'gatewayId'>) => `${row.bulkId}/${row.gatewayId}`;
    const of = (bulkId: string) =>
      [...items.values()]
        .filter((row) => row.bulkId === bulkId)
        .sort((a, b) => (a.gatewayId < b.gatewayId ? -1 : 1));
    return {
      create: (row) =>
        later(() => {
          if (!items.has(key(row))) items.set(key(row), structuredClone(row));
        }),
      update: (row, update) =>
        later(() => {
          const { bulkId, gatewayId } = row;
          const next = applied(update, items.get(key(row)), { bulkId, gatewayId });
          if (next) items.set(key(row), next);
          return next;
        }),
      list: (bulkId) => later(() => of(bulkId)),
      page: (bulkId, { countMax, after = '' }) =>
        later(() =>
          of(bulkId)
            .filter(({ gatewayId }) => gatewayId > after)
            .slice(0, countMax),
        ),
    };
  }
}

const cursor = ({ createdAt, bulkId }: BulkJobItem): string => `${createdAt}.${bulkId}`;

/** Nobody may change what is stored by changing what was read. */
const later = <T>(work: () => T): Promise<T> => Promise.resolve(structuredClone(work()));
