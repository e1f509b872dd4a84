import type { TenantRole, TokenItem } from '../model.ts';
import { secretHash } from './secrets.ts';

const day = 86_400_000;
/** Of a token whose maker names no time. */
export const defaultTokenTtlMs = 90 * day;

export interface NewToken {
  tenantId: string;
  role: TenantRole;
  description?: string;
  ttlMs?: number;
}

/** The item that stands for a token. */
export const tokenItem = (token: string, tokenId: string, wanted: NewToken, now: number): TokenItem => ({
  tokenHash: secretHash(token),
  tokenId,
  tenantId: wanted.tenantId,
  role: wanted.role,
  createdAt: now,
  expiresAt: now + (wanted.ttlMs ?? defaultTokenTtlMs),
  description: wanted.description,
});

/** The token of an `Authorization: Bearer …` header; undefined where there is none that could be ours. */
export const bearerToken = (header: string | undefined): string | undefined =>
  /^Bearer +(hft_[0-9a-f]{64})$/i.exec(header ?? '')?.[1];

/** The store may keep an expired token for days: its time is compared here. */
export const isUsable = (token: TokenItem | undefined, now: number): token is TokenItem =>
  token !== undefined && token.expiresAt > now;
