import { decodeJwt, importJWK, jwtVerify } from 'jose';
import {
  dialClaimsSchema,
  dialProblem,
  dialTokenAlgorithm,
  type DialClaims,
} from '../../core/identity/dial-token.ts';
import { limits } from '../../core/limits.ts';
import type { Log } from '../../core/log.ts';
import type { GatewayItem } from '../../core/model.ts';
import { burnDial } from '../../core/routes/route-rules.ts';
import type { Clock, GatewayStore } from '../commands/ports.ts';

export interface AuthorizeDeps {
  cellId: string;
  gateways: GatewayStore;
  clock: Clock;
  /** Whether this cell is being emptied. @default - it is not */
  isDraining?: (log: Log) => Promise<boolean>;
  log: Log;
}

/** What API Gateway hands to every later route of the connection. */
export interface DialContext {
  gatewayId: string;
  tenantId: string;
  /** Decimal: the token's dialSeq. */
  epoch: string;
  keyGeneration: string;
}

/** The context of the connection that this Authorization header opens; undefined: denied. */
export async function authorizeDial(
  deps: AuthorizeDeps,
  authorization: string | undefined,
): Promise<DialContext | undefined> {
  const token = /^Bearer ([A-Za-z0-9_.-]{1,4096})$/i.exec(authorization ?? '')?.[1];
  if (!token) return denied(deps, 'no-token');
  const unverified = unverifiedClaims(token);
  if (!unverified) return denied(deps, 'claims');
  const gateway = await deps.gateways.get(unverified.iss);
  if (!gateway) return denied(deps, 'unknown-gateway', unverified.iss);
  if (gateway.status === 'revoked') return denied(deps, 'revoked', gateway.gatewayId);
  if (gateway.keyGeneration !== unverified.gen) return denied(deps, 'key-replaced', gateway.gatewayId);
  const claims = await verifiedClaims(deps, token, gateway);
  if (!claims) return denied(deps, 'signature', gateway.gatewayId);
  if (await deps.isDraining?.(deps.log)) return denied(deps, 'draining', gateway.gatewayId);
  const problem = dialProblem(claims, { cellId: deps.cellId, nowMs: deps.clock.now() });
  if (problem) return denied(deps, problem, gateway.gatewayId);
  const burned = await deps.gateways.update(gateway.gatewayId, burnDial(claims.seq, claims.gen));
  if (!burned) return denied(deps, 'used', gateway.gatewayId);
  deps.log('info', 'dial.allowed', { gatewayId: gateway.gatewayId, epoch: claims.seq });
  return {
    gatewayId: gateway.gatewayId,
    tenantId: gateway.tenantId,
    epoch: String(claims.seq),
    keyGeneration: String(gateway.keyGeneration),
  };
}

/** Only to learn whose key has to verify it. */
function unverifiedClaims(token: string): DialClaims | undefined {
  try {
    return dialClaimsSchema.safeParse(decodeJwt(token)).data;
  } catch {
    return undefined;
  }
}

async function verifiedClaims(
  { cellId, clock }: AuthorizeDeps,
  token: string,
  gateway: GatewayItem,
): Promise<DialClaims | undefined> {
  try {
    const key = await importJWK({ kty: 'OKP', crv: 'Ed25519', x: gateway.publicKey }, dialTokenAlgorithm);
    const { payload } = await jwtVerify(token, key, {
      algorithms: [dialTokenAlgorithm],
      issuer: gateway.gatewayId,
      audience: cellId,
      currentDate: new Date(clock.now()),
      clockTolerance: limits.dialClockSkewMs / 1000,
    });
    return dialClaimsSchema.safeParse(payload).data;
  } catch {
    return undefined;
  }
}

/** The dialer learns no reason, since API Gateway returns none; the log does. */
function denied({ log }: AuthorizeDeps, reason: string, gatewayId?: string): undefined {
  log('warn', 'dial.denied', { reason, gatewayId });
  return undefined;
}
