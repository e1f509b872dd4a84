import { randomBytes } from 'node:crypto';
import { dynamoTrail } from '../audit/trail.ts';
import { httpHandler } from '../aws/http-handler.ts';
import { auditTable, tokensTable } from '../aws/tables.ts';
import { createToken, deleteToken, listTokens, type TokenDeps } from './tokens.ts';

export const env = ['TOKENS_TABLE', 'AUDIT_TABLE'] as const;

export const handler = httpHandler<typeof env, TokenDeps>({
  env,
  deps: (names) => ({
    tokens: tokensTable(names.TOKENS_TABLE),
    random: randomBytes,
    now: Date.now,
  }),
  audit: ({ AUDIT_TABLE }) => dynamoTrail(auditTable(AUDIT_TABLE)),
  routes: { listTokens, createToken, deleteToken },
});
