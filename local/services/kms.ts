import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { KeyRing } from '../iam/keys.ts';
import type { Region } from '../region.ts';
import { jsonBody, sendJson, ServiceError, targetOperation, text, type Service } from './service.ts';

const plaintextBytesMax = 4_096;
const ciphertextBytesMax = 6_144;
const ivBytes = 12;
const tagBytes = 16;

/**
 * KMS with what is used of it: Encrypt and Decrypt by the template's symmetric keys, each derived from the master key.
 * The encryption context is bound to the ciphertext, as it is there.
 */
export function kmsService(region: Region, keys: KeyRing): Service {
  return {
    signingName: 'kms',
    protocol: 'json',
    parse: (request) => {
      const operation = targetOperation(request);
      if (operation !== 'Encrypt' && operation !== 'Decrypt')
        throw new ServiceError('UnsupportedOperationException', `the local mode has no kms:${operation}`);
      const body = jsonBody(request);
      const name = text(body.KeyId).split('/').at(-1) ?? '';
      const owner = region.ownerOf('AWS::KMS::Key', name);
      const arn = region.arn('kms', `key/${name}`);
      return {
        owner,
        questions: [{ action: `kms:${operation}`, resource: arn }],
        serve: (response) => {
          if (!owner) throw new ServiceError('NotFoundException', `Key '${arn}' does not exist`);
          const key = keys.sealingKey(arn);
          const context = canonical(body.EncryptionContext);
          if (operation === 'Encrypt') {
            const plaintext = bytes(body.Plaintext, plaintextBytesMax);
            sendJson(response, {
              KeyId: arn,
              CiphertextBlob: encrypt(key, plaintext, context).toString('base64'),
              EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
            });
          } else {
            const sealed = bytes(body.CiphertextBlob, ciphertextBytesMax);
            sendJson(response, { KeyId: arn, Plaintext: decrypt(key, sealed, context).toString('base64') });
          }
        },
      };
    },
  };
}

function bytes(value: unknown, bytesMax: number): Buffer {
  const decoded = Buffer.from(text(value), 'base64');
  if (decoded.length >= 1 && decoded.length <= bytesMax) return decoded;
  throw new ServiceError('ValidationException', `a blob has 1 to ${bytesMax} bytes`);
}

/** Pairs in the order of their names: that is all that two equal contexts have in common. */
const canonical = (context: unknown): Buffer =>
  Buffer.from(
    JSON.stringify(
      Object.entries((context ?? {}) as object)
        .map(([name, value]) => [name, text(value)])
        .sort(([a = ''], [b = '']) => (a < b ? -1 : 1)),
    ),
  );

function encrypt(key: Buffer, plaintext: Buffer, context: Buffer): Buffer {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(context);
  const data = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), data]);
}

function decrypt(key: Buffer, sealed: Buffer, context: Buffer): Buffer {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, ivBytes)).setAAD(context);
    decipher.setAuthTag(sealed.subarray(ivBytes, ivBytes + tagBytes));
    return Buffer.concat([decipher.update(sealed.subarray(ivBytes + tagBytes)), decipher.final()]);
  } catch {
    throw new ServiceError('InvalidCiphertextException', 'the ciphertext is not of this key and context');
  }
}
