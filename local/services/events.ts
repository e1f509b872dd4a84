import { randomUUID } from 'node:crypto';
import { busNameOf, type EventRules } from '../events/bus.ts';
import type { CustomerBuses } from '../events/customer-buses.ts';
import type { Region } from '../region.ts';
import { customerCall, customerOperations } from './customer-events.ts';
import { jsonBody, sendJson, ServiceError, targetOperation, text, type Service } from './service.ts';

const entriesMax = 10;
const entryBytesMax = 256 * 1024;

export interface EventsDeps {
  readonly region: Region;
  readonly rules: EventRules;
  /** Where customers' own buses are kept. */
  readonly customers: CustomerBuses | undefined;
  readonly now: () => Date;
  readonly onFault: (error: unknown) => void;
}

/**
 * EventBridge's PutEvents, and what a customer needs for a bus of its own. Entries that cannot be taken are answered one
 * by one, as EventBridge does.
 */
export function eventsService(deps: EventsDeps): Service {
  const { region, customers } = deps;
  return {
    signingName: 'events',
    protocol: 'json',
    parse: (request) => {
      const operation = targetOperation(request);
      const made = customerOperations.find((name) => name === operation);
      if (made) return customerCall(made, jsonBody(request), region, customers);
      if (operation !== 'PutEvents')
        throw new ServiceError('UnknownOperationException', `the local mode has no events:${operation}`);
      const entries = (jsonBody(request).Entries as Record<string, unknown>[] | undefined) ?? [];
      if (entries.length < 1 || entries.length > entriesMax)
        throw new ServiceError('ValidationException', `Entries must have 1 to ${entriesMax} members`);
      if (entries.reduce((bytes, entry) => bytes + entryBytes(entry), 0) > entryBytesMax)
        throw new ServiceError(
          'ValidationException',
          `Total size of the entries in the request is over the limit of ${entryBytesMax}.`,
          413,
        );
      const buses = [...new Set(entries.map((entry) => busNameOf(text(entry.EventBusName) || 'default')))];
      const ownerOf = (bus: string) => region.ownerOf('AWS::Events::EventBus', bus) ?? region.hostStack;
      const owners = new Set(buses.map((bus) => (bus === 'default' ? undefined : ownerOf(bus))));
      if (owners.size > 1)
        throw new ServiceError('ValidationException', 'the local mode takes one stack’s buses per request');
      return {
        owner: [...owners][0],
        questions: buses.map((bus) => ({
          action: 'events:PutEvents',
          resource: region.arn('events', `event-bus/${bus}`),
        })),
        serve: (response) => {
          const answers = entries.map((entry) => put(entry, deps));
          const failed = answers.filter((answer) => 'ErrorCode' in answer).length;
          sendJson(response, { FailedEntryCount: failed, Entries: answers });
        },
      };
    },
  };
}

function put(entry: Record<string, unknown>, { region, rules, customers, now, onFault }: EventsDeps): object {
  const bus = busNameOf(text(entry.EventBusName) || 'default');
  const source = text(entry.Source);
  const detailType = text(entry.DetailType);
  const refuse = (ErrorCode: string, ErrorMessage: string) => ({ ErrorCode, ErrorMessage });
  if (!source || !detailType)
    return refuse('InvalidArgument', 'Parameter Source and DetailType are required.');
  if (source.startsWith('aws.'))
    return refuse('NotAuthorizedForSourceException', 'Not authorized for the source.');
  const isCustomers = customers?.has(bus) ?? false;
  if (bus !== 'default' && !isCustomers && !region.ownerOf('AWS::Events::EventBus', bus))
    return refuse('ResourceNotFoundException', `Event bus ${bus} does not exist.`);
  let detail: unknown;
  try {
    detail = JSON.parse(text(entry.Detail));
  } catch {
    return refuse('MalformedDetail', 'Detail is malformed.');
  }
  if (typeof detail !== 'object' || detail === null || Array.isArray(detail))
    return refuse('MalformedDetail', 'Detail is malformed.');
  const time = typeof entry.Time === 'number' ? new Date(entry.Time * 1000) : now();
  const resources = Array.isArray(entry.Resources) ? entry.Resources.map(text) : [];
  const event = { source, detailType, detail, resources, time };
  if (!isCustomers) return { EventId: rules.publish(bus, event) };
  const EventId = randomUUID();
  void customers?.publish(bus, rules.envelope(event, EventId)).catch(onFault);
  return { EventId };
}

function entryBytes(entry: Record<string, unknown>): number {
  const time = entry.Time === undefined ? 0 : 14;
  return (
    time +
    ['Source', 'DetailType', 'Detail'].reduce((bytes, key) => bytes + Buffer.byteLength(text(entry[key])), 0)
  );
}
