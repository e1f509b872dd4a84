import {
  PutEventsCommand,
  type EventBridgeClient,
  type PutEventsRequestEntry,
} from '@aws-sdk/client-eventbridge';
import pLimit from 'p-limit';
import { alertDetailTypes, alertEventSource, type AlertEvent } from '../../core/alert-event.ts';
import type { Log } from '../../core/log.ts';
import { errorFields } from '../aws/invocation.ts';
import type { EventSink } from './ports.ts';

/** EventBridge takes 10 entries a call; the bytes stay well under a call's 256 KB, and under one billed 64 KB unit. */
const entriesPerCall = 10;
const bytesPerCall = 60_000;
/** In no order: events say themselves what comes after what. */
const callsAtOnce = 8;

/** The alert bus. An entry counts as taken only when the answer says so for it; a failed call leaves its entries. */
export function eventBridgeSink(client: EventBridgeClient, busName: string, log: Log): EventSink {
  return {
    put: async (events) => {
      const taken = new Set<string>();
      const limit = pLimit(callsAtOnce);
      const send = async (batch: readonly AlertEvent[]): Promise<void> => {
        try {
          const Entries = batch.map((event) => entryOf(event, busName));
          const answer = await client.send(new PutEventsCommand({ Entries }));
          batch.forEach((event, i) => {
            const result = answer.Entries?.[i];
            if (result?.EventId && !result.ErrorCode) taken.add(event.eventId);
            else log('warn', 'event.refused', { eventId: event.eventId, code: result?.ErrorCode });
          });
        } catch (thrown) {
          log('error', 'event.put_failed', { firstEventId: batch[0]?.eventId, ...errorFields(thrown) });
        }
      };
      await Promise.all([...batches(events)].map((batch) => limit(() => send(batch))));
      return taken;
    },
  };
}

function entryOf(event: AlertEvent, EventBusName: string): PutEventsRequestEntry {
  return {
    EventBusName,
    Source: alertEventSource,
    DetailType: alertDetailTypes[event.type],
    Detail: JSON.stringify(event),
    Time: new Date(event.at),
    // An alert about many gateways names none.
    Resources: event.gatewayId === '' ? [] : [event.gatewayId],
  };
}

/** At most 10 entries and 60,000 bytes each; an event of the schema is far smaller than that. */
export function* batches(events: readonly AlertEvent[]): Generator<AlertEvent[]> {
  let batch: AlertEvent[] = [];
  let bytes = 0;
  for (const event of events) {
    const size = Buffer.byteLength(JSON.stringify(event)) + 300;
    if (batch.length === entriesPerCall || (batch.length > 0 && bytes + size > bytesPerCall)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(event);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}
