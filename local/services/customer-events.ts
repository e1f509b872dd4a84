import { asHoldfastError } from '../../core/errors.ts';
import { busNameOf } from '../events/bus.ts';
import type { CustomerBuses } from '../events/customer-buses.ts';
import { checkPattern } from '../events/pattern.ts';
import type { Region } from '../region.ts';
import { sendJson, ServiceError, text, type Call } from './service.ts';

type Body = Record<string, unknown>;

/** EventBridge's operations by which a customer has a bus of its own lead to its queue. */
export const customerOperations = ['CreateEventBus', 'PutRule', 'PutTargets'] as const;
type Operation = (typeof customerOperations)[number];

export function customerCall(
  operation: Operation,
  body: Body,
  region: Region,
  buses: CustomerBuses | undefined,
): Call {
  const bus = busNameOf(text(operation === 'CreateEventBus' ? body.Name : body.EventBusName));
  const rule = text(operation === 'PutTargets' ? body.Rule : body.Name);
  const resource = operation === 'CreateEventBus' ? `event-bus/${bus}` : `rule/${bus}/${rule}`;
  return {
    owner: region.hostStack,
    questions: [{ action: `events:${operation}`, resource: region.arn('events', resource) }],
    serve: (response) => {
      if (!buses) throw new ServiceError('InternalException', 'this stack keeps no buses of customers', 500);
      const isThere = buses.has(bus);
      if (operation === 'CreateEventBus') {
        if (isThere || region.ownerOf('AWS::Events::EventBus', bus) || !/^[\w.-]{1,256}$/.test(bus))
          throw new ServiceError('ResourceAlreadyExistsException', `Event bus ${bus} already exists.`);
        buses.create(bus);
        return sendJson(response, { EventBusArn: region.arn('events', `event-bus/${bus}`) });
      }
      if (!isThere) throw new ServiceError('ResourceNotFoundException', `Event bus ${bus} does not exist.`);
      if (operation === 'PutRule') {
        buses.putRule(bus, rule, patternOf(body.EventPattern));
        return sendJson(response, { RuleArn: region.arn('events', resource) });
      }
      if (!buses.hasRule(bus, rule))
        throw new ServiceError('ResourceNotFoundException', `Rule ${rule} does not exist on ${bus}.`);
      for (const target of (body.Targets as Body[] | undefined) ?? []) {
        if (text(target.Arn).split(':')[2] !== 'sqs' || target.Input || target.InputPath)
          throw new ServiceError('ValidationException', 'the local mode sends whole events to queues alone');
        buses.putTarget(bus, rule, text(target.Id), text(target.Arn));
      }
      return sendJson(response, { FailedEntryCount: 0, FailedEntries: [] });
    },
  };
}

function patternOf(given: unknown): string {
  try {
    const pattern = JSON.parse(text(given)) as unknown;
    checkPattern(pattern, 'EventPattern');
    return JSON.stringify(pattern);
  } catch (thrown) {
    throw new ServiceError('InvalidEventPatternException', asHoldfastError(thrown).message);
  }
}
