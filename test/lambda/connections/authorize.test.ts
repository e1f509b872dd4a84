import { SignJWT, UnsecuredJWT } from 'jose';
import { generateKeyPairSync } from 'node:crypto';
import { dialClaims, type DialClaims } from '../../../core/identity/dial-token.ts';
import { silentLog } from '../../../core/log.ts';
import { authorizeDial } from '../../../lambda/connections/authorize.ts';
import { MemoryStores } from '../../support/memory-stores.ts';
import { gatewayItem } from '../../support/gateway-item.ts';

const now = Date.UTC(2026, 0, 1);
const keys = generateKeyPairSync('ed25519');
const publicKey = keys.publicKey.export({ format: 'jwk' }).x!;
const claims = dialClaims({
  gatewayId: 'gw-1',
  cellId: 'cell-1',
  dialSeq: now,
  keyGeneration: 1,
  tokenId: 't',
  nowMs: now,
});

let stores: MemoryStores;
beforeEach(() => {
  stores = new MemoryStores();
  stores.gateways.set('gw-1', gatewayItem({ publicKey }));
});
let isDraining = false;
const authorize = (authorization: string | undefined, nowMs = now) =>
  authorizeDial(
    {
      cellId: 'cell-1',
      gateways: stores.gatewayStore(),
      clock: { now: () => nowMs, newId: () => 'id' },
      isDraining: () => Promise.resolve(isDraining),
      log: silentLog,
    },
    authorization,
  );
const bearer = async (changed: Partial<DialClaims> = {}): Promise<string> =>
  `Bearer ${await new SignJWT({ ...claims, ...changed }).setProtectedHeader({ alg: 'EdDSA' }).sign(keys.privateKey)}`;

describe('the authorizer', () => {
  it('lets nobody into a cell that is being emptied, and burns nothing', async () => {
    isDraining = true;
    const token = await bearer();
    expect(await authorize(token)).toBeUndefined();
    isDraining = false;
    expect(await authorize(token)).toBeDefined();
  });

  it('lets a good token in, with the context of the later routes, and once', async () => {
    const token = await bearer();
    expect(await authorize(token)).toEqual({
      gatewayId: 'gw-1',
      tenantId: 'acme',
      epoch: String(now),
      keyGeneration: '1',
    });
    expect(await authorize(token)).toBeUndefined();
  });

  it('keeps nothing of a refused dialSeq', async () => {
    expect(await authorize(await bearer({ seq: now + 3_600_000 }))).toBeUndefined();
    expect(await authorize(await bearer())).toBeDefined();
  });

  it.each([
    ['without a token', () => undefined],
    ['with another scheme', async () => (await bearer()).replace('Bearer', 'Basic')],
    ['with what is no token', () => 'Bearer a.b.c'],
    ['of an unknown gateway', () => bearer({ iss: 'gw-2' })],
    ['of another cell', () => bearer({ aud: 'cell-2' })],
    ['of another key generation', () => bearer({ gen: 2 })],
    ['older than 5 minutes', () => bearer({ iat: claims.iat - 301, exp: claims.iat - 241 })],
    ['that lives too long', () => bearer({ exp: claims.iat + 3_600 })],
    ['whose claims were changed', async () => withClaims(await bearer(), { ...claims, seq: now + 1 })],
    ['that is not signed', () => `Bearer ${new UnsecuredJWT({ ...claims }).encode()}`],
    ['that is “signed” with the public key', () => symmetric()],
  ])('denies a dial %s', async (_, authorization) => {
    expect(await authorize(await authorization())).toBeUndefined();
    expect(stores.gateways.get('gw-1')?.dialSeq).toBe(0);
  });

  it('denies a gateway that was revoked', async () => {
    stores.gateways.get('gw-1')!.status = 'revoked';
    expect(await authorize(await bearer())).toBeUndefined();
  });
});

function withClaims(token: string, changed: object): string {
  const [head, , signature] = token.split('.');
  return [head, Buffer.from(JSON.stringify(changed)).toString('base64url'), signature].join('.');
}

async function symmetric(): Promise<string> {
  const secret = Buffer.from(publicKey, 'base64url');
  return `Bearer ${await new SignJWT({ ...claims }).setProtectedHeader({ alg: 'HS256' }).sign(secret)}`;
}
