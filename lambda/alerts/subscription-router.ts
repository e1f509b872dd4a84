import { eventHandler } from '../aws/event-handler.ts';
import { enlistDeps } from '../subscriptions/aws-deps.ts';
import { routeAlert } from './route-alert.ts';

export const env = [
  'SUBSCRIPTIONS_TABLE',
  'ALERT_LANES_TABLE',
  'DEAD_LETTERS_TABLE',
  'ALERT_DELIVERY_FUNCTION',
] as const;

/** Target of the alert bus's rule. */
export const handler = eventHandler({
  event: 'router.event',
  env,
  deps: enlistDeps,
  handle: (deps, event: { detail?: unknown }, { log }) => routeAlert({ ...deps, log }, event.detail),
});
