import { bearerToken, isUsable } from '../../core/identity/access-tokens.ts';
import { secretHash } from '../../core/identity/secrets.ts';
import { eventHandler } from '../aws/event-handler.ts';
import { tokensTable } from '../aws/tables.ts';

export const env = ['TOKENS_TABLE'] as const;

/** The part of a REQUEST authorizer's event (payload format 2.0) that is used; header names are lower case. */
export interface AuthorizerEvent {
  headers?: Record<string, string | undefined>;
}
export interface AuthorizerAnswer {
  isAuthorized: boolean;
  context: Record<string, string>;
}

const refused: AuthorizerAnswer = { isAuthorized: false, context: {} };

/** Verifies a tenant's bearer token; the context tells the routes whose it is. */
export const handler = eventHandler({
  event: 'http.authorize',
  env,
  deps: ({ TOKENS_TABLE }) => ({ tokens: tokensTable(TOKENS_TABLE), now: Date.now }),
  handle: async ({ tokens, now }, event: AuthorizerEvent, { note }): Promise<AuthorizerAnswer> => {
    const token = bearerToken(event.headers?.['authorization']);
    if (!token) return refused;
    const item = await tokens.get({ tokenHash: secretHash(token) });
    note({ tenantId: item?.tenantId, tokenId: item?.tokenId });
    if (!isUsable(item, now())) return refused;
    const { tenantId, role, tokenId } = item;
    return { isAuthorized: true, context: { tenantId, role, tokenId } };
  },
});
