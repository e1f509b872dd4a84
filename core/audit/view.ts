import type { AuditView } from '../api.ts';
import type { AuditItem } from './audit-item.ts';

/**
 * Entries as people see them, newest first: of a change that was asked for and ended, the end alone. `after` is the key
 * of the last entry of the page before.
 */
export function auditViews(newestFirst: readonly AuditItem[], after?: string): AuditView[] {
  let ended = after === undefined ? undefined : changeOf(after);
  const views: AuditView[] = [];
  for (const item of newestFirst) {
    const change = changeOf(item.entryKey);
    if (item.step === 'ended') ended = change;
    else if (change === ended) continue;
    views.push(view(item));
  }
  return views;
}

/** Both steps of a change have it: they stand side by side, the end after its wish. */
const changeOf = (entryKey: string): string => entryKey.split('.').slice(0, 2).join('.');

function view({ entryKey, gatewayKey: _key, step: _step, ...shown }: AuditItem): AuditView {
  return { ...shown, entryId: entryKey, outcome: shown.outcome ?? { state: 'UNKNOWN' } };
}
