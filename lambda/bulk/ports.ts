import type { BulkJobItem, BulkSelection, BulkTargetItem } from '../../core/bulk/model.ts';
import type { GuardedUpdate } from '../../core/routes/guarded-update.ts';

/** What bulk sends need from the world. Reads are strong unless said otherwise. */
export interface BulkJobStore {
  get(bulkId: string): Promise<BulkJobItem | undefined>;
  /** The item that is stored afterwards: this one, or the one that was there. */
  create(job: BulkJobItem): Promise<BulkJobItem>;
  /** The item as written; undefined where the condition failed. */
  update(bulkId: string, update: GuardedUpdate): Promise<BulkJobItem | undefined>;
  /** Jobs that are open, those first that were left longest ago; eventually consistent. */
  listOpen(countMax: number): Promise<string[]>;
  /** Newest first; which there are is eventually consistent. `next` continues. */
  list(
    tenantId: string,
    page: { countMax: number; next?: string },
  ): Promise<{ jobs: BulkJobItem[]; next?: string }>;
}

export interface BulkTargetStore {
  /** Nothing where there is one. */
  create(target: BulkTargetItem): Promise<void>;
  /** The item as written; undefined where the condition failed. */
  update(
    target: Pick<BulkTargetItem, 'bulkId' | 'gatewayId'>,
    update: GuardedUpdate,
  ): Promise<BulkTargetItem | undefined>;
  /** All of a job, in order of the gateways' ids. */
  list(bulkId: string): Promise<BulkTargetItem[]>;
  /** In order of the gateways' ids, behind the gateway `after`. */
  page(bulkId: string, page: { countMax: number; after?: string }): Promise<BulkTargetItem[]>;
}

/** The ids of a tenant's active gateways that a selection means; those activated a moment ago can be missing. */
export interface GatewaySelector {
  (tenantId: string, select: BulkSelection): AsyncIterable<string>;
}
