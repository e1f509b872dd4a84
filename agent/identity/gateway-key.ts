import { createPrivateKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { HoldfastError } from '../../core/errors.ts';
import { readVersionedFile, writeVersionedFile, type FileFormat } from '../state/versioned-file.ts';

/** The gateway's own Ed25519 key. The private half never leaves the state directory. */
export interface GatewayKey {
  readonly privateKey: KeyObject;
  /** Raw public key, base64url, 43 characters. */
  readonly publicKey: string;
}

const field = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'base64url of 32 bytes');
const keyFile = {
  format: 'holdfast-agent-key',
  version: 1,
  schema: z.object({
    jwk: z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: field, d: field }),
  }),
} satisfies FileFormat<z.ZodObject>;

/** The key of the file, or undefined where there is none yet. Throws CORRUPT. */
export async function loadGatewayKey(path: string): Promise<GatewayKey | undefined> {
  const stored = await readVersionedFile(path, keyFile);
  if (!stored) return undefined;
  let key: GatewayKey;
  try {
    key = keyOf(createPrivateKey({ key: stored.jwk, format: 'jwk' }));
  } catch (cause) {
    throw new HoldfastError('CORRUPT', `${path} is damaged: it holds no Ed25519 key`, { cause });
  }
  if (key.publicKey !== stored.jwk.x)
    throw new HoldfastError('CORRUPT', `${path} is damaged: its private and public keys do not match`);
  return key;
}

/** Loads the key, or makes one; a new key is on stable storage before anybody sees it. */
export async function loadOrCreateGatewayKey(path: string): Promise<GatewayKey> {
  const existing = await loadGatewayKey(path);
  if (existing) return existing;
  const { privateKey } = generateKeyPairSync('ed25519');
  await writeVersionedFile(
    path,
    keyFile,
    keyFile.schema.parse({ jwk: privateKey.export({ format: 'jwk' }) }),
  );
  return keyOf(privateKey);
}

/** Ed25519 signature, base64url, 86 characters. */
export const signText = (key: GatewayKey, text: string): string =>
  sign(null, Buffer.from(text), key.privateKey).toString('base64url');

/** The secret as the key's file has it, so that it can be kept out of what leaves this host. */
export const privatePart = ({ privateKey }: GatewayKey): string =>
  privateKey.export({ format: 'jwk' }).d ?? '';

function keyOf(privateKey: KeyObject): GatewayKey {
  const { x } = privateKey.export({ format: 'jwk' });
  if (privateKey.asymmetricKeyType !== 'ed25519' || !x) throw new Error('not an Ed25519 key');
  return { privateKey, publicKey: x };
}
