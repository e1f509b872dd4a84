import type { AlertItem } from '../model.ts';

/** What the API shows of an alert: everything but the bookkeeping of its emission. */
export type AlertView = Omit<AlertItem, 'outbox' | 'openShard' | 'version'>;

export function alertView(item: AlertItem): AlertView {
  const { outbox: _outbox, openShard: _openShard, version: _version, ...view } = item;
  return view;
}

/** True for what a person calls an open alert: it fired and was not resolved (PENDING is not one yet). */
export function isOpenAlert({ state, frozenState }: Pick<AlertItem, 'state' | 'frozenState'>): boolean {
  const effective = state === 'UNKNOWN' ? frozenState : state;
  return effective === 'FIRING' || effective === 'ACKED';
}
