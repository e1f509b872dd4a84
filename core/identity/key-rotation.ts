import { createHash } from 'node:crypto';
import type { GatewayItem } from '../model.ts';
import { all, equal, type GuardedUpdate } from '../routes/guarded-update.ts';
import { isAdmitted, isRoute, type ConnectionRef } from '../routes/route-rules.ts';
import { isCanonicalKey, isSignedBy } from './public-key.ts';

/**
 * A gateway's key is replaced over the connection that the key opened. The agent has the next key on stable storage
 * before it asks, so whatever crashes in between, one of the two keys that it holds is the one in force.
 */
export interface RotationRequest {
  /** Generation of the key that is to be replaced. */
  generation: number;
  /** The next one. */
  publicKey: string;
  /** Over `keyRotationText`: by the key in force (it is the gateway that asks) … */
  proofOfOld: string;
  /** … and by the next one (the gateway has it). */
  proofOfNew: string;
}

/** What both keys sign. It names gateway and generation, so that a signature serves for no other rotation. */
export const keyRotationText = (gatewayId: string, generation: number, publicKey: string): string =>
  `holdfast-key-rotation-v1\n${gatewayId}\n${generation}\n${publicKey}`;

export type RotationDecision =
  /** Without an update: this very key is in force already, and the answer to it was lost. */
  { accept: true; keyGeneration: number; update?: GuardedUpdate } | { accept: false; reason: string };

/**
 * The one write that replaces a key: only for the connection that is the route, and only over the generation that was
 * asked about. That connection goes on until another replaces it (`rotatedBy`); the key that opened it opens none any
 * more. Whatever looked like a clone before is forgotten: a copy of the old key is out.
 */
export function decideRotation(
  gateway: GatewayItem,
  asked: RotationRequest,
  connection: ConnectionRef,
  at: number,
): RotationDecision {
  const { generation, publicKey } = asked;
  const refuse = (reason: string): RotationDecision => ({ accept: false, reason });
  const next = generation + 1;
  if (gateway.keyGeneration === next && gateway.publicKey === publicKey)
    return { accept: true, keyGeneration: next };
  if (gateway.keyGeneration !== generation)
    return refuse(`generation ${generation} is not the key in force, ${gateway.keyGeneration} is`);
  if (!isCanonicalKey(publicKey) || publicKey === gateway.publicKey)
    return refuse('the next key is no other Ed25519 key');
  const text = keyRotationText(gateway.gatewayId, generation, publicKey);
  if (!isSignedBy(gateway.publicKey, text, asked.proofOfOld))
    return refuse('the key in force did not sign for the next one');
  if (!isSignedBy(publicKey, text, asked.proofOfNew)) return refuse('the next key did not sign for itself');
  return {
    accept: true,
    keyGeneration: next,
    update: {
      when: all(isAdmitted, equal('keyGeneration', generation), isRoute(connection)),
      set: { publicKey, keyGeneration: next, keyChangedAt: at, rotatedBy: connection.epoch, newsAt: at },
      remove: ['recentBoots', 'recentJournals', 'cloneSeenAt'],
    },
  };
}

const day = 86_400_000;
/** A key is replaced at this age at the latest, as long as the gateway is connected. */
export const keyAgeMaxMs = 28 * day;
/** And not before this age: when in between follows from the key, so that a fleet does not rotate at once. */
export const keyAgeMinMs = 21 * day;

/** Whether the key has come of age. One that seems to be of the future has been made by a clock that was wrong. */
export function isRotationDue(
  { publicKey, madeAt }: { publicKey: string; madeAt: number },
  now: number,
): boolean {
  const share = createHash('sha256').update(publicKey).digest().readUInt32BE() / 2 ** 32;
  const ageMs = now - madeAt;
  return ageMs < -day || ageMs >= keyAgeMinMs + share * (keyAgeMaxMs - keyAgeMinMs);
}
