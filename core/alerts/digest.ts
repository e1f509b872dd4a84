import { createHash } from 'node:crypto';
import { digestEventsMax, type AlertDigest, type AlertEvent } from '../alert-event.ts';
import { severities } from '../model.ts';
import { eventIdOf } from './alert-key.ts';

/**
 * When many alerts of a tenant change at once, one event tells of all of them. A digest is a form in which events travel
 * and nothing that is stored: each stands in it under its own id, so that one that was told twice is known, in whichever
 * digests a crash put it.
 */

/** So many events of one tenant in one tick go out one by one; of more, all go in digests. */
export const singleEventsMax = 50;
const firstMax = 10;

/** What is handed to the bus: an event, and the ids of those of alerts that are told when it is taken. */
export interface Outgoing {
  event: AlertEvent;
  eventIds: string[];
}

export function outgoing(events: readonly AlertEvent[]): Outgoing[] {
  const byTenant = Map.groupBy(events, ({ tenantId }) => tenantId);
  return [...byTenant.values()].flatMap((ofTenant) =>
    ofTenant.length <= singleEventsMax
      ? ofTenant.map((event) => ({ event, eventIds: [event.eventId] }))
      : chunks(ofTenant.toSorted(worstFirst)).map(digestOf),
  );
}

const rank = ({ severity }: Pick<AlertEvent, 'severity'>): number => severities.indexOf(severity);
const typeRank = ({ type }: Pick<AlertEvent, 'type'>): number =>
  ['firing', 'reminder', 'resolved'].indexOf(type);
const worstFirst = (a: AlertEvent, b: AlertEvent): number =>
  rank(a) - rank(b) || typeRank(a) - typeRank(b) || (a.eventId < b.eventId ? -1 : 1);

function chunks(events: readonly AlertEvent[]): AlertEvent[][] {
  const count = Math.ceil(events.length / digestEventsMax);
  return Array.from({ length: count }, (_, i) =>
    events.slice(i * digestEventsMax, (i + 1) * digestEventsMax),
  );
}

/** The same events make the same digest, with the same id. */
function digestOf(events: AlertEvent[]): Outgoing {
  const [{ tenantId, severity }] = events as [AlertEvent];
  const eventIds = events.map(({ eventId }) => eventId);
  const text = JSON.stringify([tenantId, 'digest', ...eventIds]);
  const alertKey = createHash('sha256').update(text).digest('hex').slice(0, 32);
  const idsOf = (type: AlertEvent['type']) =>
    events.filter((event) => event.type === type).map(({ eventId }) => eventId);
  const digest: AlertDigest = {
    counts: countsOf(events),
    gatewayCount: new Set(events.map(({ gatewayId }) => gatewayId)).size,
    first: events.slice(0, firstMax).map(({ eventId, gatewayId, conditionId, component, summary }) => {
      return { eventId, gatewayId, conditionId, component, summary };
    }),
    firing: idsOf('firing'),
    reminder: idsOf('reminder'),
    resolved: idsOf('resolved'),
  };
  const event: AlertEvent = {
    eventId: eventIdOf(alertKey, 0, 0),
    type: 'digest',
    alertKey,
    episode: 0,
    seq: 0,
    tenantId,
    gatewayId: '',
    conditionId: '',
    component: '',
    severity,
    summary: summaryOf(digest),
    at: Math.max(...events.map(({ at }) => at)),
    digest,
  };
  return { event, eventIds };
}

function countsOf(events: readonly AlertEvent[]): AlertDigest['counts'] {
  const counts = new Map<string, AlertDigest['counts'][number]>();
  for (const { type, conditionId, severity } of events) {
    if (type === 'digest') continue;
    const key = JSON.stringify([type, conditionId, severity]);
    const known = counts.get(key) ?? { type, conditionId, severity, count: 0 };
    counts.set(key, { ...known, count: known.count + 1 });
  }
  return [...counts.values()];
}

function summaryOf({ counts, gatewayCount, firing, reminder, resolved }: AlertDigest): string {
  const sums = Object.entries({ firing, reminder, resolved }).filter(([, ids]) => ids.length > 0);
  const total = sums.map(([type, ids]) => `${ids.length} ${type}`).join(', ');
  const kinds = counts.map(({ conditionId, count }) => `${count} ${conditionId}`).join(', ');
  return `alerts of ${gatewayCount} gateways: ${total} (${kinds})`.slice(0, 500);
}
