import { randomBytes } from 'node:crypto';
import { dynamoTrail } from '../audit/trail.ts';
import { httpHandler } from '../aws/http-handler.ts';
import { localSqsOrigin, sendToQueue } from '../aws/queues.ts';
import { auditTable, subscriptionsTable, tokensTable } from '../aws/tables.ts';
import {
  confirmSubscription,
  deleteSubscription,
  listSubscriptions,
  putSubscription,
  type SubscriptionDeps,
} from './subscriptions.ts';
import { createToken, deleteToken, listTokens, type TokenDeps } from './tokens.ts';

export const env = ['TOKENS_TABLE', 'SUBSCRIPTIONS_TABLE', 'AUDIT_TABLE'] as const;

export const handler = httpHandler<typeof env, TokenDeps & SubscriptionDeps>({
  env,
  deps: (names) => ({
    tokens: tokensTable(names.TOKENS_TABLE),
    subscriptions: subscriptionsTable(names.SUBSCRIPTIONS_TABLE),
    send: sendToQueue,
    localQueueOrigin: localSqsOrigin(),
    random: randomBytes,
    now: Date.now,
  }),
  audit: ({ AUDIT_TABLE }) => dynamoTrail(auditTable(AUDIT_TABLE)),
  routes: {
    listTokens,
    createToken,
    deleteToken,
    listSubscriptions,
    putSubscription,
    confirmSubscription,
    deleteSubscription,
  },
});
