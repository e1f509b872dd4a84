import { z } from 'zod';
import { subscriptionMessageSchema } from '../../core/alert-event.ts';
import { eventHandler } from '../aws/event-handler.ts';
import { alertLanesTable, deadLettersTable, subscriptionsTable } from '../aws/tables.ts';
import { systemClock } from '../commands/aws-deps.ts';
import { dynamoDeadLetters, dynamoLanes, dynamoSubscriptions } from './dynamo-stores.ts';
import { localTargets } from './local-targets.ts';
import { runTurn, type TurnDeps } from './run-turn.ts';
import { kmsUnseal } from './sealing.ts';
import { sendNow } from './send-now.ts';
import { sender } from './send.ts';

export const env = [
  'SUBSCRIPTIONS_TABLE',
  'ALERT_LANES_TABLE',
  'DEAD_LETTERS_TABLE',
  'WEBHOOK_KEY_ARN',
  'LOOPBACK_WEBHOOKS',
] as const;

/** Left for the messages that are being sent when the time is over, and for writing down what became of them. */
const reserveMs = 10_000;

/** A message, now; or without one, the subscription's turn. */
const eventSchema = z.object({
  tenantId: z.string(),
  subscriptionId: z.string(),
  message: subscriptionMessageSchema.optional(),
});

/** The one function that reaches what is a tenant's: it alone may send, and it alone opens secrets. */
export const handler = eventHandler({
  event: 'delivery.run',
  env,
  deps: (names) => ({
    subscriptions: dynamoSubscriptions(subscriptionsTable(names.SUBSCRIPTIONS_TABLE)),
    lanes: dynamoLanes(alertLanesTable(names.ALERT_LANES_TABLE)),
    letters: dynamoDeadLetters(deadLettersTable(names.DEAD_LETTERS_TABLE)),
    send: sender({
      local: localTargets(names.LOOPBACK_WEBHOOKS),
      unseal: kmsUnseal(names.WEBHOOK_KEY_ARN),
      now: Date.now,
    }),
    clock: systemClock,
    random: Math.random,
  }),
  handle: async (shared, event: unknown, { log, note, remainingMs }) => {
    const deps: TurnDeps = { ...shared, log };
    const { message, ...key } = eventSchema.parse(event);
    note(key);
    if (message) return sendNow(deps, { ...key, message });
    const endsAt = deps.clock.now() + remainingMs();
    note({ ...(await runTurn(deps, key, { deadline: endsAt - reserveMs, leaseUntil: endsAt })) });
    return undefined;
  },
});
