import type { BulkTargetView, BulkView } from '../core/bulk/api.ts';
import { totals } from '../core/bulk/decide.ts';
import type { BulkSelection } from '../core/bulk/model.ts';
import { rateText } from '../core/bulk/shares.ts';
import { durationText, percentText, timeText } from '../core/readable.ts';
import { paramsText } from './command-text.ts';
import { fields, table } from './output.ts';
import type { Session } from './program.ts';

/** `12 of 300 done, 1 failed, 4/min, 1h 12m left`. */
export function progressText(bulk: BulkView, now: number): string {
  if (bulk.startedAt === undefined) return 'its targets are being written down';
  const { total, final, failed } = totals(bulk.counts);
  const skipped = bulk.counts.SKIPPED ?? 0;
  const done = final - skipped;
  const spentMs = Math.max(1, (bulk.endedAt ?? now) - bulk.startedAt);
  const parts = [
    `${done} of ${total} done (${percentText(total === 0 ? 1 : done / total)})`,
    `${failed} failed`,
  ];
  if (skipped > 0) parts.push(`${skipped} skipped`);
  if (done > 0) parts.push(`${((done * 60_000) / spentMs).toFixed(1)}/min`);
  if (done > 0 && final < total) parts.push(`about ${durationText((spentMs / done) * (total - final))} left`);
  return parts.join(', ');
}

const selectionText = (select: BulkSelection): string => {
  if ('all' in select) return 'every active gateway';
  if ('listedCount' in select) return `${select.listedCount} listed`;
  return Object.entries(select.where)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
};

export function bulkText(bulk: BulkView, now: number): string {
  const head = fields(
    {
      bulk: bulk.bulkId,
      kind: bulk.kind,
      params: paramsText(bulk.params),
      targets: selectionText(bulk.select),
      state: bulk.state,
      reason: bulk.reason,
      progress: progressText(bulk, now),
      waves: bulk.waves.join(', ') || undefined,
      rate: bulk.rate && rateText(bulk.rate),
      concurrency: bulk.concurrency,
      'abort after': bulk.abortAfter,
      offline: bulk.whenOffline,
      'submitted by': bulk.submittedBy.id,
      created: timeText(bulk.createdAt),
      expires: timeText(bulk.expiresAt),
      ended: bulk.endedAt && timeText(bulk.endedAt),
    },
    { wraps: true },
  );
  const counts = Object.entries(bulk.counts).map(([state, count]) => [state, String(count)]);
  return counts.length > 0 ? `${head}\n\n${table(['TARGETS', 'COUNT'], counts)}` : head;
}

export function bulkTable(
  bulks: BulkView[],
  { now, toType }: { now: number; toType: Session['toType'] },
): string {
  if (bulks.length === 0)
    return `no bulk sends yet; \`${toType('holdfast bulk send probe --all')}\` makes one`;
  return table(
    ['BULK', 'KIND', 'STATE', 'DONE', 'FAILED', 'AGE'],
    bulks.map((bulk) => {
      const { total, final, failed } = totals(bulk.counts);
      return [
        bulk.bulkId,
        bulk.kind,
        bulk.state,
        `${final - (bulk.counts.SKIPPED ?? 0)}/${total}`,
        `${failed}`,
        durationText(now - bulk.createdAt),
      ];
    }),
  );
}

export const targetTable = (targets: BulkTargetView[]): string =>
  targets.length === 0
    ? 'no targets yet: they are being written down'
    : table(
        ['GATEWAY', 'STATE', 'COMMAND'],
        targets.map(({ gatewayId, state, commandId }) => [gatewayId, state, commandId ?? '-']),
        targets.map(({ reason }) => reason),
      );
