import { createHash, createPublicKey, verify } from 'node:crypto';

/**
 * Ed25519 public keys, raw, in base64url. Another spelling of the same bytes is refused, so that a key has one text.
 */
export function isCanonicalKey(publicKey: string): boolean {
  const raw = Buffer.from(publicKey, 'base64url');
  return raw.length === 32 && raw.toString('base64url') === publicKey;
}

/** SHA-256 of the raw key in hex, the same however the key was written. */
export const keyFingerprint = (publicKey: string): string =>
  createHash('sha256').update(Buffer.from(publicKey, 'base64url')).digest('hex');

/** Whether the signature (base64url) over the text is by that key. Never throws. */
export function isSignedBy(publicKey: string, text: string, signature: string): boolean {
  try {
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' });
    return verify(null, Buffer.from(text), key, Buffer.from(signature, 'base64url'));
  } catch {
    return false; // not a point of the curve
  }
}
