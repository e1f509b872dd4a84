import { createPrivateKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { HoldfastError } from '../../core/errors.ts';
import { readVersionedFile, writeVersionedFile, type FileFormat } from '../state/versioned-file.ts';

/** One of the gateway's own Ed25519 keys. The private half never leaves the state directory. */
export interface GatewayKey {
  readonly privateKey: KeyObject;
  /** Raw public key, base64url, 43 characters. */
  readonly publicKey: string;
}
/** `madeAt`: Unix ms. */
export type DatedKey = GatewayKey & { readonly madeAt: number };

/** The key in use, and the one that is to follow it, if it was made already. */
export interface GatewayKeys {
  readonly current: DatedKey;
  /** Of the current key; the next one's is the number after it. */
  readonly generation: number;
  readonly next?: DatedKey;
}

export const keyFileName = 'key.json';

const field = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'base64url of 32 bytes');
const jwk = z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: field, d: field });
const madeAt = z.number().int().nonnegative();
/** Both keys in one file: one write makes the next one the current one, and removes the one before. */
const keyFile = {
  format: 'holdfast-agent-key',
  /** 1 held the first key alone. */
  version: 2,
  schema: z.object({
    jwk,
    generation: z.number().int().positive().default(1),
    madeAt: madeAt.optional(),
    next: z.object({ jwk, madeAt }).optional(),
  }),
} satisfies FileFormat<z.ZodObject>;

/** The keys of the file, or undefined where there are none yet. `firstMadeAt`: for a file that does not say. Throws CORRUPT. */
export async function loadGatewayKeys(path: string, firstMadeAt = 0): Promise<GatewayKeys | undefined> {
  const stored = await readVersionedFile(path, keyFile);
  if (!stored) return undefined;
  const { generation, next } = stored;
  const current = { ...keyOfJwk(path, stored.jwk), madeAt: stored.madeAt ?? firstMadeAt };
  return {
    current,
    generation,
    ...(next ? { next: { ...keyOfJwk(path, next.jwk), madeAt: next.madeAt } } : {}),
  };
}

/** On stable storage, and what it replaces is gone, once this resolves. */
export async function saveGatewayKeys(
  path: string,
  { current, generation, next }: GatewayKeys,
): Promise<void> {
  const written = ({ privateKey, madeAt }: DatedKey) => ({
    jwk: jwk.parse(privateKey.export({ format: 'jwk' })),
    madeAt,
  });
  await writeVersionedFile(path, keyFile, {
    ...written(current),
    generation,
    ...(next ? { next: written(next) } : {}),
  });
}

/** The key of the file; makes one where there is none. It is on stable storage before anybody sees it. */
export async function loadOrCreateGatewayKey(path: string, madeAt = Date.now()): Promise<GatewayKey> {
  const existing = await loadGatewayKeys(path);
  if (existing) return existing.current;
  const current = makeKey(madeAt);
  await saveGatewayKeys(path, { current, generation: 1 });
  return current;
}

export const makeKey = (madeAt: number): DatedKey => ({
  ...keyOf(generateKeyPairSync('ed25519').privateKey),
  madeAt,
});

/** Ed25519 signature, base64url, 86 characters. */
export const signText = (key: GatewayKey, text: string): string =>
  sign(null, Buffer.from(text), key.privateKey).toString('base64url');

/** The secret as the key's file has it, so that it can be kept out of what leaves this host. */
export const privatePart = ({ privateKey }: GatewayKey): string =>
  privateKey.export({ format: 'jwk' }).d ?? '';

function keyOfJwk(path: string, stored: z.infer<typeof jwk>): GatewayKey {
  let key: GatewayKey;
  try {
    key = keyOf(createPrivateKey({ key: stored, format: 'jwk' }));
  } catch (cause) {
    throw new HoldfastError('CORRUPT', `${path} is damaged: it holds no Ed25519 key`, { cause });
  }
  if (key.publicKey === stored.x) return key;
  throw new HoldfastError('CORRUPT', `${path} is damaged: its private and public keys do not match`);
}

function keyOf(privateKey: KeyObject): GatewayKey {
  const { x } = privateKey.export({ format: 'jwk' });
  if (privateKey.asymmetricKeyType !== 'ed25519' || !x) throw new Error('not an Ed25519 key');
  return { privateKey, publicKey: x };
}
