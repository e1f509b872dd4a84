import type { Answers } from '../../core/api.ts';
import { HoldfastError } from '../../core/errors.ts';
import { tokenItem } from '../../core/identity/access-tokens.ts';
import { newToken, newTokenId, type RandomBytes } from '../../core/identity/secrets.ts';
import type { TokenItem } from '../../core/model.ts';
import type { ApiRequest } from '../aws/http-handler.ts';
import type { tokensTable } from '../aws/tables.ts';
import { typed } from '../../core/typed.ts';

export interface TokenDeps {
  readonly tokens: ReturnType<typeof tokensTable>;
  readonly random: RandomBytes;
  readonly now: () => number;
}

/** A new token, shown this once. */
export async function createToken(
  { tokens, random, now }: TokenDeps,
  { tenantId, principal, body, log }: ApiRequest<'createToken'>,
): Promise<Answers['createToken']> {
  const token = newToken(random);
  const item = tokenItem(token, newTokenId(random), { tenantId, ...body }, now());
  await tokens.putIfAbsent(item);
  log('info', 'token.created', { tenantId, tokenId: item.tokenId, role: item.role, by: principal.id });
  return { ...withoutHash(item), token };
}

/** The tenant's tokens, also those that have expired. */
export async function listTokens(
  { tokens }: TokenDeps,
  { tenantId }: ApiRequest<'listTokens'>,
): Promise<Answers['listTokens']> {
  const found: Omit<TokenItem, 'tokenHash'>[] = [];
  const values = { ':tenantId': tenantId };
  for await (const item of tokens.query({ index: 'byTenant', key: '#tenantId = :tenantId', values }))
    found.push(withoutHash(item));
  return { tokens: found };
}

/** Ends a token at once. */
export async function deleteToken(
  { tokens }: TokenDeps,
  { tenantId, params, principal, log }: ApiRequest<'deleteToken'>,
): Promise<Answers['deleteToken']> {
  const tokenId = params['tokenId'] ?? '';
  const found = tokens.query({
    index: 'byTenant',
    key: '#tenantId = :tenantId AND #tokenId = :tokenId',
    values: { ':tenantId': tenantId, ':tokenId': tokenId },
  });
  for await (const { tokenHash } of found) {
    await tokens.delete({ tokenHash });
    log('info', 'token.deleted', { tenantId, tokenId, by: principal.id });
    return {};
  }
  throw new HoldfastError('NOT_FOUND', `there is no token ${tokenId}`, {
    hint: `\`${typed('holdfast admin token list')}\` shows those there are`,
  });
}

function withoutHash({ tokenHash: _secret, ...shown }: TokenItem): Omit<TokenItem, 'tokenHash'> {
  return shown;
}
