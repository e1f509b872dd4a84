import { createHash } from 'node:crypto';
import { activationProofText } from '../api.ts';
import { HoldfastError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { GatewayItem } from '../model.ts';
import { newsShardOf } from '../routes/gateway-news.ts';
import type { ActivationCodeItem } from './model.ts';
import { isCanonicalKey, isSignedBy, keyFingerprint } from './public-key.ts';
import { secretHash } from './secrets.ts';

export interface NewCode {
  tenantId: string;
  createdBy: string;
  gatewayName?: string;
  requireConfirmation?: boolean;
  /** @default 24 h, which is also the most */
  ttlMs?: number;
}

/** The item that stands for an activation code; the code itself is in the caller's hand only. */
export function activationCodeItem(code: string, wanted: NewCode, now: number): ActivationCodeItem {
  const ttlMs = Math.min(wanted.ttlMs ?? limits.activationCodeTtlMs, limits.activationCodeTtlMs);
  return {
    codeHash: secretHash(code),
    tenantId: wanted.tenantId,
    createdAt: now,
    expiresAt: now + ttlMs,
    createdBy: wanted.createdBy,
    gatewayName: wanted.gatewayName,
    requireConfirmation: wanted.requireConfirmation,
  };
}

/**
 * Whoever activates holds the private half of the key: else a code that leaked could bind a gateway's identity to
 * somebody's key without that somebody. Throws UNAUTHENTICATED.
 */
export function requireProof(code: string, publicKey: string, proof: string): void {
  if (isCanonicalKey(publicKey) && isSignedBy(publicKey, activationProofText(code, publicKey), proof)) return;
  throw new HoldfastError(
    'UNAUTHENTICATED',
    'the proof is not a signature by the key that wants to activate',
    {
      hint: 'activate with the agent that made the key',
    },
  );
}

/**
 * The one write that uses a code up: it succeeds for the first key before the code expires, and for that key again
 * at any time, so that an agent that crashed repeats its request.
 */
export function claimCode(fingerprint: string, now: number) {
  return {
    change: 'SET #usedBy = :fingerprint',
    condition:
      'attribute_exists(#codeHash) AND (#usedBy = :fingerprint OR (attribute_not_exists(#usedBy) AND #expiresAt > :now))',
    values: { ':fingerprint': fingerprint, ':now': now },
  };
}

/** Why `claimCode` failed. Only who knows the code learns that it was used or when it ended. */
export function refusedCode(item: ActivationCodeItem | undefined): HoldfastError {
  const hint = 'ask for a new code';
  if (!item) return new HoldfastError('UNAUTHENTICATED', 'there is no such activation code', { hint });
  if (item.usedBy !== undefined)
    return new HoldfastError('CONFLICT', 'the activation code was used by another gateway', { hint });
  const at = new Date(item.expiresAt).toISOString();
  return new HoldfastError('GONE', `the activation code expired at ${at}`, { hint });
}

/** Follows from code and key alone: the same request yields the same gateway. */
export const gatewayIdOf = (codeHash: string, fingerprint: string): string =>
  `gw-${createHash('sha256').update(`${codeHash}:${fingerprint}`).digest('hex').slice(0, 20)}`;

/** The gateway that a claimed code brings into being. */
export function newGateway(
  code: ActivationCodeItem,
  publicKey: string,
  now: number,
  activatedFrom?: GatewayItem['activatedFrom'],
): GatewayItem {
  const gatewayId = gatewayIdOf(code.codeHash, keyFingerprint(publicKey));
  return {
    gatewayId,
    tenantId: code.tenantId,
    name: code.gatewayName,
    status: code.requireConfirmation ? 'pending' : 'active',
    activatedFrom,
    publicKey,
    keyGeneration: 1,
    createdAt: now,
    dialSeq: 0,
    recentHellos: [],
    commandCounter: 0,
    grants: {},
    newsShard: newsShardOf(gatewayId),
    newsAt: now,
  };
}
