import type { AlertItem, AlertOutboxEntry, AlertState } from '../model.ts';
import { eventIdOf, openShardOf } from './alert-key.ts';

/** How a transition writes itself into an alert. Whoever calls these raises the version once for a change, by `changed`. */

export const auditEntriesMax = 40;
/** While nobody takes the events, no more are made: the alert stays as it is. */
export const outboxEntriesMax = 32;

export type OpenState = 'PENDING' | 'FIRING' | 'ACKED';
export const isOpenState = (state: AlertState): state is OpenState =>
  state === 'PENDING' || state === 'FIRING' || state === 'ACKED';

/** The state that it has, or had before nobody could know. */
export const stateBehind = ({ state, frozenState }: Pick<AlertItem, 'state' | 'frozenState'>) =>
  state === 'UNKNOWN' ? (frozenState ?? 'FIRING') : state;

export function changed(item: AlertItem, now: number): AlertItem {
  const isListed = isOpenState(item.state) || item.state === 'UNKNOWN' || item.outbox.length > 0;
  return filed({ ...item, evaluatedAt: now, version: item.version + 1 }, isListed, now);
}

const dayMs = 24 * 3_600_000;
/** What never fired is kept for those who look back; what did so that the trail of a whole year can be seen. */
const keptUnfiredMs = 30 * dayMs;
const keptMs = 400 * dayMs;

/**
 * Where an alert that has no past begins to count its episodes and events. One that was forgotten may have had the same
 * key, and its events, and the commands that answered them, have ids that must not be given again: each span of the time
 * that alerts are kept for has numbers of its own, more than an alert can use in it.
 */
export const firstEpisodeAt = (now: number): number =>
  Math.max(0, Math.floor((now - Date.UTC(2026, 0, 1)) / keptMs)) * numbersPerSpan + 1;
const numbersPerSpan = 100_000;

/** Events are counted over all episodes; the first one begins with the numbers of its episode. */
export const nextSeq = ({ seq, episode }: Pick<AlertItem, 'seq' | 'episode'>): number =>
  (seq === 0 ? episode - (episode % numbersPerSpan) : seq) + 1;

/** In the index of the open ones, or out of it and kept for a while. */
export const filed = (item: AlertItem, isListed: boolean, now: number): AlertItem => ({
  ...item,
  openShard: isListed ? openShardOf(item.alertKey) : undefined,
  expiresAtSec: isListed ? undefined : Math.ceil((now + (item.episode > 0 ? keptMs : keptUnfiredMs)) / 1_000),
});

export function entered(item: AlertItem, state: AlertState, now: number, note?: string): AlertItem {
  return { ...item, state, changedAt: now, audit: audited(item, state, now, note) };
}

export const audited = (item: AlertItem, state: AlertState, at: number, note?: string): AlertItem['audit'] =>
  [...item.audit, note === undefined ? { at, state } : { at, state, note }].slice(-auditEntriesMax);

export const canTell = ({ outbox }: AlertItem): boolean => outbox.length < outboxEntriesMax;

export function withEvent(item: AlertItem, event: Omit<AlertOutboxEntry, 'eventId'>): AlertItem {
  const seq = nextSeq(item);
  const eventId = eventIdOf(item.alertKey, item.episode, seq);
  return { ...item, seq, outbox: [...item.outbox, { eventId, ...event }] };
}
