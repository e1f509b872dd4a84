import { randomBytes } from 'node:crypto';
import { dynamoTrail } from '../audit/trail.ts';
import { httpHandler } from '../aws/http-handler.ts';
import { invokeFunction } from '../aws/invoke.ts';
import { auditTable, deadLettersTable, sendBudgetsTable, subscriptionsTable } from '../aws/tables.ts';
import { enlistDeps } from './aws-deps.ts';
import { listDeadLetters, redeliver, type DeadLetterDeps } from './dead-letters.ts';
import { localTargets } from './local-targets.ts';
import {
  confirmSubscription,
  deleteSubscription,
  listSubscriptions,
  putSubscription,
  rotateSecret,
  testSubscription,
  type ManageDeps,
} from './manage.ts';
import { kmsSeal } from './sealing.ts';

export const env = [
  'SUBSCRIPTIONS_TABLE',
  'ALERT_LANES_TABLE',
  'DEAD_LETTERS_TABLE',
  'SEND_BUDGETS_TABLE',
  'ALERT_DELIVERY_FUNCTION',
  'WEBHOOK_KEY_ARN',
  'LOOPBACK_WEBHOOKS',
  'AUDIT_TABLE',
] as const;

/** It seals secrets and cannot open them, and has others send: nothing of a tenant's can be reached from here. */
export const handler = httpHandler<typeof env, ManageDeps & DeadLetterDeps>({
  env,
  deps: (names) => ({
    ...enlistDeps(names),
    subscriptionItems: subscriptionsTable(names.SUBSCRIPTIONS_TABLE),
    letterItems: deadLettersTable(names.DEAD_LETTERS_TABLE),
    budgets: sendBudgetsTable(names.SEND_BUDGETS_TABLE),
    askDelivery: (request) => invokeFunction(names.ALERT_DELIVERY_FUNCTION, request),
    local: localTargets(names.LOOPBACK_WEBHOOKS),
    seal: kmsSeal(names.WEBHOOK_KEY_ARN),
    random: randomBytes,
  }),
  audit: ({ AUDIT_TABLE }) => dynamoTrail(auditTable(AUDIT_TABLE)),
  routes: {
    listSubscriptions,
    putSubscription,
    confirmSubscription,
    deleteSubscription,
    testSubscription,
    rotateSecret,
    listDeadLetters,
    redeliver,
  },
});
