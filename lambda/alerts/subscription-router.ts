import { eventHandler } from '../aws/event-handler.ts';
import { sendToQueue } from '../aws/queues.ts';
import { subscriptionsTable } from '../aws/tables.ts';
import { collect } from '../aws/collect.ts';
import { routeAlert } from './route-alert.ts';

export const env = ['SUBSCRIPTIONS_TABLE'] as const;

/** Target of the alert bus's rule. */
export const handler = eventHandler({
  event: 'router.event',
  env,
  deps: (names) => {
    const table = subscriptionsTable(names.SUBSCRIPTIONS_TABLE);
    return {
      subscriptions: (tenantId: string) =>
        collect(table.query({ key: '#tenantId = :tenant', values: { ':tenant': tenantId } })),
      send: sendToQueue,
    };
  },
  handle: (deps, event: { detail?: unknown }, { log }) => routeAlert({ ...deps, log }, event.detail),
});
