import type { BulkTargetItem } from '../../core/bulk/model.ts';
import type { CommandServiceDeps } from '../commands/command-service.ts';
import type { BulkJobStore, BulkTargetStore, GatewaySelector } from './ports.ts';

export interface BulkRunnerDeps extends CommandServiceDeps {
  jobs: BulkJobStore;
  targets: BulkTargetStore;
  select: GatewaySelector;
  wait: (ms: number) => Promise<void>;
}

/** One run's hold on one job: while it lasts nobody else writes the job's targets. */
export interface BulkRun {
  readonly owner: string;
  readonly bulkId: string;
  /** Unix ms: no further round begins. */
  readonly deadline: number;
  /** As they are stored; undefined: to be read again. */
  rows: Map<string, BulkTargetItem> | undefined;
}

/** Commands that one round starts at most: a job that is canceled meanwhile starts no more than these. */
export const batchCountMax = 20;
export const concurrentWrites = 10;

/** A row as it was written. A write whose condition failed (it can meet its own first try): all are read again. */
export function keep(
  run: BulkRun,
  rows: Map<string, BulkTargetItem>,
  row: BulkTargetItem | undefined,
): row is BulkTargetItem {
  if (row) rows.set(row.gatewayId, row);
  else run.rows = undefined;
  return row !== undefined;
}
