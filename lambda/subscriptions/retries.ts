import { eventHandler } from '../aws/event-handler.ts';
import { startFunction } from '../aws/invoke.ts';
import { subscriptionsTable } from '../aws/tables.ts';
import { dynamoSubscriptions } from './dynamo-stores.ts';
import { runDue } from './run-due.ts';

export const env = ['SUBSCRIPTIONS_TABLE', 'ALERT_DELIVERY_FUNCTION'] as const;

/** Every minute. Where nothing waits it reads one empty page of a sparse index. */
export const handler = eventHandler({
  event: 'retries.tick',
  env,
  deps: (names) => ({
    subscriptions: dynamoSubscriptions(subscriptionsTable(names.SUBSCRIPTIONS_TABLE)),
    start: (key: object) => startFunction(names.ALERT_DELIVERY_FUNCTION, key),
    now: Date.now,
  }),
  handle: async (deps, _event, { log, note }) => note({ ...(await runDue({ ...deps, log })) }),
});
