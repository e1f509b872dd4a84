import { startFunction } from '../aws/invoke.ts';
import { alertLanesTable, deadLettersTable, subscriptionsTable } from '../aws/tables.ts';
import { systemClock } from '../commands/aws-deps.ts';
import { dynamoDeadLetters, dynamoLanes, dynamoSubscriptions } from './dynamo-stores.ts';
import type { EnlistDeps } from './enlist-event.ts';

type Names = Readonly<
  Record<
    'SUBSCRIPTIONS_TABLE' | 'ALERT_LANES_TABLE' | 'DEAD_LETTERS_TABLE' | 'ALERT_DELIVERY_FUNCTION',
    string
  >
>;

/** What puts events into lanes. The function that empties them is only started: nobody waits for a target. */
export const enlistDeps = (names: Names): Omit<EnlistDeps, 'log'> => ({
  subscriptions: dynamoSubscriptions(subscriptionsTable(names.SUBSCRIPTIONS_TABLE)),
  lanes: dynamoLanes(alertLanesTable(names.ALERT_LANES_TABLE)),
  letters: dynamoDeadLetters(deadLettersTable(names.DEAD_LETTERS_TABLE)),
  clock: systemClock,
  start: ({ tenantId, subscriptionId }) =>
    startFunction(names.ALERT_DELIVERY_FUNCTION, { tenantId, subscriptionId }),
});
