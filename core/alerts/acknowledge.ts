import type { AlertItem } from '../model.ts';
import { audited, changed, entered, stateBehind } from './alert-item.ts';

/** Who says so, and why if they said. */
export interface Acknowledgement {
  by: string;
  why: string | undefined;
  at: number;
}

/**
 * A person has seen it: no reminders, and no admin process acts, until the episode is over. Undefined when there is
 * nothing to acknowledge; the same item when it already is, for the same reason.
 */
export function acknowledged(item: AlertItem, { by, why, at }: Acknowledgement): AlertItem | undefined {
  const state = stateBehind(item);
  if (state === 'ACKED' && (why === undefined || why === item.ackedWhy)) return item;
  if (state !== 'FIRING' && state !== 'ACKED') return undefined;
  return moved({ ...item, ackedAt: at, ackedBy: by, ackedWhy: why }, 'ACKED', at, noteOf(`by ${by}`, why));
}

/**
 * The acknowledgement is taken back: it fires as before, and reminders count from now. Undefined when it does not fire;
 * the same item when nobody had acknowledged it.
 */
export function unacknowledged(item: AlertItem, { by, why, at }: Acknowledgement): AlertItem | undefined {
  const state = stateBehind(item);
  if (state === 'FIRING') return item;
  if (state !== 'ACKED') return undefined;
  const open = { ...item, ackedAt: undefined, ackedBy: undefined, ackedWhy: undefined, remindedAt: at };
  return moved(open, 'FIRING', at, noteOf(`acknowledgement taken back by ${by}`, why));
}

/** Of a frozen alert only what is behind UNKNOWN changes. */
function moved(item: AlertItem, state: 'ACKED' | 'FIRING', at: number, note: string): AlertItem {
  if (item.state !== 'UNKNOWN') return changed(entered(item, state, at, note), at);
  return changed({ ...item, frozenState: state, changedAt: at, audit: audited(item, state, at, note) }, at);
}

const noteOf = (who: string, why: string | undefined): string => (why === undefined ? who : `${who}: ${why}`);
