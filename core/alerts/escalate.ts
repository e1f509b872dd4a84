import type { AlertItem } from '../model.ts';
import { auditEntriesMax } from './alert-item.ts';

/**
 * An admin process has given up: a person has to look. The alert stays as it is, with a mark for this episode. Undefined
 * where that episode does not fire any more; the same item where it has its mark.
 */
export function escalated(
  item: AlertItem,
  { by, episode, reason }: { by: string; episode: number; reason: string },
  now: number,
): AlertItem | undefined {
  const state = item.state === 'UNKNOWN' ? item.frozenState : item.state;
  if (item.episode !== episode || (state !== 'FIRING' && state !== 'ACKED')) return undefined;
  if (item.escalation?.episode === episode) return item;
  const entry = { at: now, state: item.state, note: `escalated by ${by}: ${reason}` };
  return {
    ...item,
    escalation: { episode, at: now, by, reason },
    audit: [...item.audit, entry].slice(-auditEntriesMax),
    version: item.version + 1,
  };
}
