import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { bearerToken, isUsable } from '../../../core/identity/access-tokens.ts';
import { secretHash } from '../../../core/identity/secrets.ts';
import { createToken, deleteToken, listTokens } from '../../../lambda/api/tokens.ts';
import { startDynamo, type TestDynamo } from '../../support/dynamo.ts';
import { apiFixture, request, type ApiFixture } from './api-fixture.ts';

let dynamo: TestDynamo;
let api: ApiFixture;
beforeAll(async () => {
  dynamo = await startDynamo();
});
afterAll(() => dynamo.close());
beforeEach(async () => {
  api = await apiFixture(dynamo);
});

describe('a token', () => {
  const create = (tenantId = 'acme', ttlMs?: number) =>
    createToken(api, request(tenantId, { body: { role: 'tenant-read' as const, ttlMs } }));

  it('is shown once and stored as a hash only', async () => {
    const { token, tokenId } = await create();
    const { tokens } = await listTokens(api, request('acme'));
    expect(tokens).toEqual([expect.objectContaining({ tokenId, role: 'tenant-read' })]);
    expect(JSON.stringify(tokens)).not.toMatch(new RegExp(`${token}|${secretHash(token)}`));
    for await (const item of api.tokens.scan()) expect(JSON.stringify(item)).not.toContain(token.slice(4));
  });

  it('is found by the header that carries it until its time is over', async () => {
    const { token, expiresAt } = await create('acme', 60_000);
    const item = await api.tokens.get({ tokenHash: secretHash(bearerToken(`Bearer ${token}`) ?? '') });
    expect(item).toMatchObject({ tenantId: 'acme' });
    expect(isUsable(item, expiresAt - 1)).toBe(true);
    expect(isUsable(item, expiresAt)).toBe(false);
    expect(isUsable(undefined, 0)).toBe(false);
  });

  it.each([undefined, '', 'Bearer', 'Basic abc', 'Bearer hft_zz', `Bearer hft_${'0'.repeat(63)}`])(
    'is not taken for one when the header is %j',
    (header) => expect(bearerToken(header)).toBeUndefined(),
  );

  it('ends when its tenant deletes it, and only then', async () => {
    const { token, tokenId } = await create();
    const params = { tokenId };
    await expect(deleteToken(api, request('other', { params }))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await api.tokens.get({ tokenHash: secretHash(token) })).toBeDefined();
    await deleteToken(api, request('acme', { params }));
    expect(await api.tokens.get({ tokenHash: secretHash(token) })).toBeUndefined();
  });
});
