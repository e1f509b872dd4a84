import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { activate, createActivationCode } from '../../../lambda/api/activate-gateway.ts';
import { revokeGateway } from '../../../lambda/api/change-gateways.ts';
import { startDynamo, type TestDynamo } from '../../support/dynamo.ts';
import {
  activationBody,
  apiFixture,
  newAgentKey,
  publicRequest,
  request,
  type AgentKey,
  type ApiFixture,
} from './api-fixture.ts';

let dynamo: TestDynamo;
let api: ApiFixture;
beforeAll(async () => {
  dynamo = await startDynamo();
});
afterAll(() => dynamo.close());
beforeEach(async () => {
  api = await apiFixture(dynamo);
});

const newCode = async (body: { gatewayName?: string; ttlMs?: number } = {}) =>
  (await createActivationCode(api, request('acme', { body }))).code;
const activateWith = (code: string, key: AgentKey) => activate(api, publicRequest(activationBody(code, key)));

describe('an activation code', () => {
  it('is 128 random bits that are stored as a hash only', async () => {
    const code = await newCode();
    expect(code).toMatch(/^hfa_[0-9a-f]{32}$/);
    expect(await newCode()).not.toBe(code);
    for await (const item of api.codes.scan()) expect(JSON.stringify(item)).not.toContain(code.slice(4));
  });

  it('lives for a day at most', async () => {
    const { expiresAt } = await createActivationCode(api, request('acme', { body: { ttlMs: 9e9 } }));
    expect(expiresAt - api.at).toBe(86_400_000);
  });
});

describe('activate', () => {
  it('makes a gateway of the code’s tenant and names the cells to dial', async () => {
    const key = newAgentKey();
    const answer = await activateWith(await newCode({ gatewayName: 'Oslo 1' }), key);
    expect(answer).toEqual({
      gatewayId: expect.stringMatching(/^gw-[0-9a-f]{20}$/),
      tenantId: 'acme',
      name: 'Oslo 1',
      cells: [
        { cellId: 'cell-1', webSocketUrl: 'wss://cell-1.example.com/v1' },
        { cellId: 'cell-2', webSocketUrl: 'wss://cell-2.example.com/v1' },
      ],
    });
    expect(await api.gateways.get({ gatewayId: answer.gatewayId })).toMatchObject({
      tenantId: 'acme',
      status: 'active',
      publicKey: key.publicKey,
      keyGeneration: 1,
      dialSeq: 0,
    });
  });

  it('answers the same request with the same identity, also after the code has expired', async () => {
    const [code, key] = [await newCode(), newAgentKey()];
    const first = await activateWith(code, key);
    api.at += 2 * 86_400_000;
    expect(await activateWith(code, key)).toEqual(first);
  });

  it('finishes what a crash left between its two writes', async () => {
    const [code, key] = [await newCode(), newAgentKey()];
    const { gateways } = api;
    const killed = Object.create(gateways) as typeof gateways;
    killed.get = (key) => gateways.get(key);
    killed.putIfAbsent = () => Promise.reject(new Error('killed'));
    const crashing = { ...api, gateways: killed };
    await expect(activate(crashing, publicRequest(activationBody(code, key)))).rejects.toThrow('killed');
    const { gatewayId } = await activateWith(code, key);
    expect(await gateways.get({ gatewayId })).toMatchObject({ publicKey: key.publicKey });
  });

  it('lets one of two keys have the code, and tells the other', async () => {
    const code = await newCode();
    const results = await Promise.allSettled(
      [newAgentKey(), newAgentKey()].map((key) => activateWith(code, key)),
    );
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(results.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'CONFLICT' },
    });
  });

  it('refuses a code that does not exist', async () => {
    await expect(activateWith(`hfa_${'0'.repeat(32)}`, newAgentKey())).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    });
  });

  it('refuses a code that has expired', async () => {
    const code = await newCode({ ttlMs: 60_000 });
    api.at += 60_000;
    await expect(activateWith(code, newAgentKey())).rejects.toMatchObject({ code: 'GONE' });
  });

  it('refuses a proof by another key, and the code stays good', async () => {
    const [code, key] = [await newCode(), newAgentKey()];
    const body = { ...activationBody(code, newAgentKey()), publicKey: key.publicKey };
    await expect(activate(api, publicRequest(body))).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await expect(activateWith(code, key)).resolves.toMatchObject({ tenantId: 'acme' });
  });

  it('refuses a proof for another code', async () => {
    const key = newAgentKey();
    const { proof } = activationBody(await newCode(), key);
    const body = { ...activationBody(await newCode(), key), proof };
    await expect(activate(api, publicRequest(body))).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it('refuses a second spelling of the same key', async () => {
    const [code, key] = [await newCode(), newAgentKey()];
    const last = key.publicKey.at(-1)!;
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    // 43 characters hold two bits more than 32 bytes: the next letter decodes to the same key.
    const other = { ...key, publicKey: key.publicKey.slice(0, -1) + alphabet[alphabet.indexOf(last) + 1] };
    expect(Buffer.from(other.publicKey, 'base64url')).toEqual(Buffer.from(key.publicKey, 'base64url'));
    await expect(activateWith(code, other)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it('does not bring a revoked gateway back', async () => {
    const [code, key] = [await newCode(), newAgentKey()];
    const { gatewayId } = await activateWith(code, key);
    await revokeGateway(api, request('acme', { params: { gatewayId } }));
    await expect(activateWith(code, key)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});
