import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import {
  decideRotation,
  isRotationDue,
  keyAgeMaxMs,
  keyAgeMinMs,
  keyRotationText,
} from '../../../core/identity/key-rotation.ts';
import type { GatewayItem } from '../../../core/model.ts';
import { applied } from '../../../core/routes/guarded-update.ts';
import { gatewayItem } from '../../support/gateway-item.ts';

interface Key {
  privateKey: KeyObject;
  publicKey: string;
}
function newKey(): Key {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return { privateKey, publicKey: publicKey.export({ format: 'jwk' }).x! };
}
const signed = (key: Key, text: string) =>
  sign(null, Buffer.from(text), key.privateKey).toString('base64url');
const [old, next, other] = [newKey(), newKey(), newKey()];
const connection = { epoch: 6, connectionId: 'c6' };
const route = { ...connection, cellId: 'cell-1', bootId: 'b', journalId: 'j', connectedAt: 6 };
const gateway = gatewayItem({ publicKey: old.publicKey, route });

function request(text = keyRotationText('gw-1', 1, next.publicKey)) {
  return {
    generation: 1,
    publicKey: next.publicKey,
    proofOfOld: signed(old, text),
    proofOfNew: signed(next, text),
  };
}
const decide = (item: GatewayItem, asked = request()) => decideRotation(item, asked, connection, 99);
function rotated(item = gateway): GatewayItem {
  const decision = decide(item);
  if (!decision.accept || !decision.update) throw new Error('refused');
  return applied(decision.update, item, {})!;
}

describe('the rotation of a key', () => {
  it('replaces the key, raises its generation and names the connection that brought it', () => {
    expect(rotated()).toMatchObject({
      publicKey: next.publicKey,
      keyGeneration: 2,
      keyChangedAt: 99,
      rotatedBy: 6,
      route,
    });
  });

  it('forgets what looked like a clone of the key before', () => {
    const item = rotated({ ...gateway, recentBoots: ['a'], recentJournals: ['j'], cloneSeenAt: 5 });
    for (const sign of ['recentBoots', 'recentJournals', 'cloneSeenAt'])
      expect(item).not.toHaveProperty(sign);
  });

  it('is answered alike when it is asked again, and writes nothing more', () => {
    expect(decide(rotated())).toEqual({ accept: true, keyGeneration: 2 });
  });

  it.each([
    ['the old key did not sign', { ...request(), proofOfOld: request().proofOfNew }],
    ['the new key did not sign', { ...request(), proofOfNew: request().proofOfOld }],
    ['both signed for another gateway', request(keyRotationText('gw-2', 1, next.publicKey))],
    ['both signed for another generation', request(keyRotationText('gw-1', 2, next.publicKey))],
    ['both signed for another key', request(keyRotationText('gw-1', 1, other.publicKey))],
    ['the generation is not the one in force', { ...request(), generation: 2 }],
    ['the key is the one in force', { ...request(), publicKey: old.publicKey }],
    ['the key is no canonical text', { ...request(), publicKey: next.publicKey.replace(/.$/, '_') }],
  ])('is refused where %s', (_, asked) => {
    expect(decide(gateway, asked)).toMatchObject({ accept: false });
  });

  it('is refused to whoever holds the old key after another was accepted', () => {
    const text = keyRotationText('gw-1', 1, other.publicKey);
    const late = { ...request(text), publicKey: other.publicKey, proofOfNew: signed(other, text) };
    expect(decide(rotated(), late)).toMatchObject({ accept: false });
  });

  it.each([
    ['another connection is the route', { route: { ...route, epoch: 7, connectionId: 'c7' } }],
    ['there is no route', { route: undefined }],
    ['the key was replaced meanwhile', { keyGeneration: 2 }],
    ['the gateway was revoked', { status: 'revoked' as const }],
  ])('writes nothing where %s', (_, changed) => {
    const decision = decide(gateway);
    expect(decision.accept && applied(decision.update!, { ...gateway, ...changed }, {})).toBeUndefined();
  });
});

describe('the age at which a key is replaced', () => {
  const due = (ageMs: number, publicKey = 'k') => isRotationDue({ publicKey, madeAt: 1e12 }, 1e12 + ageMs);

  it('lies between three weeks and four, and keys differ in it', () => {
    const keys = Array.from({ length: 64 }, (_, i) => `key-${i}`);
    expect(keys.some((key) => due(keyAgeMinMs - 1, key))).toBe(false);
    expect(keys.every((key) => due(keyAgeMaxMs, key))).toBe(true);
    const halfWay = keys.filter((key) => due((keyAgeMinMs + keyAgeMaxMs) / 2, key)).length;
    expect(halfWay).toBeGreaterThan(16);
    expect(halfWay).toBeLessThan(48);
  });

  it('has come for a key that a wrong clock dated into the future', () => {
    expect(due(-2 * 86_400_000)).toBe(true);
    expect(due(-60_000)).toBe(false);
  });
});
