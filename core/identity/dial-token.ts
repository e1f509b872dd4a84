import { z } from 'zod';
import { limits } from '../limits.ts';

/**
 * The token that opens a connection: an EdDSA JWT in `Authorization: Bearer …`, signed with the gateway's Ed25519
 * key, good for one dial to one cell. `seq` (the dialSeq) becomes the epoch of the connection.
 */
export const dialTokenAlgorithm = 'EdDSA';

export const dialClaimsSchema = z.object({
  /** gatewayId. */
  iss: z.string().min(1).max(64),
  /** cellId. */
  aud: z.string().min(1).max(64),
  /** Unix seconds. */
  iat: z.number().int().nonnegative(),
  /** Unix seconds. */
  exp: z.number().int().nonnegative(),
  jti: z.string().min(1).max(64),
  /** dialSeq = max(last welcomed + 1, Unix ms). */
  seq: z.number().int().positive(),
  /** Generation of the key that signs. */
  gen: z.number().int().positive(),
});
export type DialClaims = z.infer<typeof dialClaimsSchema>;

/** The claims of a token to sign; `nowMs` is the agent's clock, corrected by what the server's `Date` taught it. */
export function dialClaims(dial: {
  gatewayId: string;
  cellId: string;
  dialSeq: number;
  keyGeneration: number;
  tokenId: string;
  nowMs: number;
}): DialClaims {
  const iat = Math.floor(dial.nowMs / 1000);
  return {
    iss: dial.gatewayId,
    aud: dial.cellId,
    iat,
    exp: iat + limits.dialTokenTtlMs / 1000,
    jti: dial.tokenId,
    seq: dial.dialSeq,
    gen: dial.keyGeneration,
  };
}

/** The dialSeq of the next dial. A refused one is not kept, so a clock that was wrong once locks nobody out. */
export const nextDialSeq = (lastWelcomed: number, nowMs: number): number => Math.max(lastWelcomed + 1, nowMs);

export type DialProblem = 'claims' | 'audience' | 'lifetime' | 'clock' | 'seq';

/**
 * What is wrong with the claims of a token whose signature holds, or undefined. `seq` may not run ahead of the
 * clock: a burned one from the far future would shut the gateway out after it lost its state.
 */
export function dialProblem(claims: unknown, at: { cellId: string; nowMs: number }): DialProblem | undefined {
  const parsed = dialClaimsSchema.safeParse(claims);
  if (!parsed.success) return 'claims';
  const { aud, iat, exp, seq } = parsed.data;
  if (aud !== at.cellId) return 'audience';
  if (exp <= iat || (exp - iat) * 1000 > limits.dialTokenTtlMs) return 'lifetime';
  if (Math.abs(iat * 1000 - at.nowMs) > limits.dialClockSkewMs) return 'clock';
  if (exp * 1000 + limits.dialClockSkewMs < at.nowMs) return 'clock';
  if (seq > at.nowMs + 2 * limits.dialClockSkewMs) return 'seq';
  return undefined;
}
