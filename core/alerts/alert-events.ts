import type { AlertEvent } from '../alert-event.ts';
import type { AlertItem, AlertOutboxEntry } from '../model.ts';
import { parseEventId } from './alert-key.ts';
import { isEscalated } from './reminders.ts';

/** The event of one outbox entry. Episode and seq are the entry's own: the item may be ahead of it. */
export function alertEvent(item: AlertItem, entry: AlertOutboxEntry): AlertEvent {
  const { alertKey, tenantId, gatewayId, conditionId, component, severity, summary } = item;
  const id = parseEventId(entry.eventId);
  const seq = id?.seq ?? item.seq;
  return {
    eventId: entry.eventId,
    type: entry.type,
    alertKey,
    episode: id?.episode ?? item.episode,
    seq,
    tenantId,
    gatewayId,
    conditionId,
    component,
    severity,
    summary,
    at: entry.at,
    ...(entry.type !== 'resolved' && item.suggested ? { suggested: item.suggested } : {}),
    ...(entry.reminder === undefined
      ? {}
      : { reminder: entry.reminder, isEscalated: isEscalated(entry.reminder) }),
    ...(entry.reason === undefined ? {} : { reason: entry.reason }),
    ...(entry.type !== 'firing' && item.toldAt !== undefined && { firingAt: item.toldAt }),
    ...followed(item, seq),
  };
}

/** What was right before it came in a digest, and so did whatever is between. */
function followed({ lastDigest }: AlertItem, seq: number): Pick<AlertEvent, 'follows' | 'digestedFromSeq'> {
  if (lastDigest?.seq !== seq - 1) return {};
  return { follows: lastDigest.eventId, digestedFromSeq: lastDigest.fromSeq };
}
