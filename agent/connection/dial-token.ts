import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { limits } from '../../core/limits.ts';
import type { GatewayKey } from '../identity/gateway-key.ts';

/**
 * The token of one dial: an EdDSA JWT for one cell, good for a minute and for one use (the server burns `seq`).
 * `issuedAt` is server time in Unix ms.
 */
export const signDialToken = (
  key: GatewayKey,
  dial: { gatewayId: string; cellId: string; seq: number; keyGeneration: number; issuedAt: number },
): Promise<string> => {
  const issuedAtSec = Math.floor(dial.issuedAt / 1_000);
  return new SignJWT({ seq: dial.seq, gen: dial.keyGeneration })
    .setProtectedHeader({ alg: 'EdDSA' })
    .setIssuer(dial.gatewayId)
    .setAudience(dial.cellId)
    .setIssuedAt(issuedAtSec)
    .setExpirationTime(issuedAtSec + limits.dialTokenTtlMs / 1_000)
    .setJti(randomUUID())
    .sign(key.privateKey);
};
