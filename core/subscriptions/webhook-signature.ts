import { createHmac } from 'node:crypto';
import type { RandomBytes } from '../identity/secrets.ts';
import type { SealedSecret } from './model.ts';

/**
 * Signatures as Standard Webhooks has them (https://www.standardwebhooks.com): HMAC-SHA256 over `id.timestamp.body`,
 * base64, one for each secret in force.
 */
const secretPrefix = 'whsec_';
const secretBytes = 32;
/** The secret that was replaced signs beside the new one for so long. */
export const secretOverlapMs = 24 * 3_600_000;

export const newWebhookSecret = (random: RandomBytes): string =>
  secretPrefix + Buffer.from(random(secretBytes)).toString('base64');

export interface SignedMessage {
  /** Of the message: the same in each try. */
  id: string;
  /** Of the try, Unix seconds. */
  timestampSec: number;
  body: string;
}

/** The three headers that a receiver checks. */
export function signatureHeaders(
  { id, timestampSec, body }: SignedMessage,
  secrets: readonly string[],
): Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string> {
  const signed = `${id}.${timestampSec}.${body}`;
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(secretPrefix.length), 'base64');
    return `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
  });
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestampSec),
    'webhook-signature': signatures.join(' '),
  };
}

/** A new secret before the one in force, which ends after the overlap; what was replaced earlier is gone. */
export function rotated(secrets: readonly SealedSecret[], sealed: string, now: number): SealedSecret[] {
  const [current] = secrets;
  return [{ sealed, createdAt: now }, ...(current ? [{ ...current, endsAt: now + secretOverlapMs }] : [])];
}

/** Those that sign now. */
export const liveSecrets = (secrets: readonly SealedSecret[] = [], now: number): SealedSecret[] =>
  secrets.filter(({ endsAt }) => endsAt === undefined || now < endsAt);
