import { DecryptCommand, EncryptCommand, KMSClient } from '@aws-sdk/client-kms';
import { HoldfastError } from '../../core/errors.ts';
import { clientOptions, once } from '../aws/client-options.ts';
import type { SubscriptionKey } from './ports.ts';

/** Encrypts a secret for one subscription; base64. */
export interface Seal {
  (secret: string, of: SubscriptionKey): Promise<string>;
}
/** Throws CORRUPT where it was sealed for another subscription, or is no such thing. */
export interface Unseal {
  (sealed: string, of: SubscriptionKey): Promise<string>;
}

const client = once(() => new KMSClient(clientOptions));
/** KMS binds it to the ciphertext: one that is copied into another's item cannot be opened there. */
const contextOf = ({ tenantId, subscriptionId }: SubscriptionKey) => ({ tenantId, subscriptionId });

export const kmsSeal =
  (KeyId: string, kms: () => KMSClient = client): Seal =>
  async (secret, of) => {
    const Plaintext = Buffer.from(secret);
    const { CiphertextBlob } = await kms().send(
      new EncryptCommand({ KeyId, Plaintext, EncryptionContext: contextOf(of) }),
    );
    return Buffer.from(CiphertextBlob ?? []).toString('base64');
  };

const keptMax = 1_000;

/** What was opened stays open in this process: a run would else pay for each alert. */
export function kmsUnseal(KeyId: string, kms: () => KMSClient = client): Unseal {
  const kept = new Map<string, string>();
  return async (sealed, of) => {
    const name = `${of.tenantId}/${of.subscriptionId}/${sealed}`;
    const known = kept.get(name);
    if (known !== undefined) return known;
    const CiphertextBlob = Buffer.from(sealed, 'base64');
    const command = new DecryptCommand({ KeyId, CiphertextBlob, EncryptionContext: contextOf(of) });
    const { Plaintext } = await kms()
      .send(command)
      .catch((cause: unknown) => {
        if (cause instanceof Error && cause.name === 'InvalidCiphertextException')
          throw new HoldfastError('CORRUPT', 'a webhook’s secret is not one of this subscription', { cause });
        throw cause;
      });
    const secret = Buffer.from(Plaintext ?? []).toString();
    if (kept.size >= keptMax) kept.clear();
    kept.set(name, secret);
    return secret;
  };
}
