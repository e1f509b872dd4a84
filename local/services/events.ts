import { busNameOf, type EventRules } from '../events/bus.ts';
import type { Region } from '../region.ts';
import { jsonBody, sendJson, ServiceError, targetOperation, text, type Service } from './service.ts';

const entriesMax = 10;
const entryBytesMax = 256 * 1024;

/** EventBridge's PutEvents. Entries that cannot be taken are answered one by one, as EventBridge does. */
export function eventsService(region: Region, rules: EventRules, now: () => Date): Service {
  return {
    signingName: 'events',
    protocol: 'json',
    parse: (request) => {
      const operation = targetOperation(request);
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
      const owners = new Set(buses.map((bus) => region.ownerOf('AWS::Events::EventBus', bus)));
      if (owners.size > 1)
        throw new ServiceError('ValidationException', 'the local mode takes one stack’s buses per request');
      return {
        owner: [...owners][0],
        questions: buses.map((bus) => ({
          action: 'events:PutEvents',
          resource: region.arn('events', `event-bus/${bus}`),
        })),
        serve: (response) => {
          const answers = entries.map((entry) => put(entry, region, rules, now));
          const failed = answers.filter((answer) => 'ErrorCode' in answer).length;
          sendJson(response, { FailedEntryCount: failed, Entries: answers });
        },
      };
    },
  };
}

function put(entry: Record<string, unknown>, region: Region, rules: EventRules, now: () => Date): object {
  const bus = busNameOf(text(entry.EventBusName) || 'default');
  const source = text(entry.Source);
  const detailType = text(entry.DetailType);
  const refuse = (ErrorCode: string, ErrorMessage: string) => ({ ErrorCode, ErrorMessage });
  if (!source || !detailType)
    return refuse('InvalidArgument', 'Parameter Source and DetailType are required.');
  if (source.startsWith('aws.'))
    return refuse('NotAuthorizedForSourceException', 'Not authorized for the source.');
  if (bus !== 'default' && !region.ownerOf('AWS::Events::EventBus', bus))
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
  return { EventId: rules.publish(bus, { source, detailType, detail, resources, time }) };
}

function entryBytes(entry: Record<string, unknown>): number {
  const time = entry.Time === undefined ? 0 : 14;
  return (
    time +
    ['Source', 'DetailType', 'Detail'].reduce((bytes, key) => bytes + Buffer.byteLength(text(entry[key])), 0)
  );
}
