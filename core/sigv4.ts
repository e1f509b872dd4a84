import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';

export interface AwsKeys {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

/** The hash that the signer asks for, on node:crypto. */
class Sha256 {
  readonly #secret: Uint8Array | string | undefined;
  #hash: Hash | Hmac;

  constructor(secret?: unknown) {
    this.#secret =
      typeof secret === 'string' || secret === undefined ? secret : Buffer.from(secret as ArrayBuffer);
    this.#hash = this.#fresh();
  }
  update(chunk: Uint8Array | string): void {
    this.#hash.update(chunk);
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
  reset(): void {
    this.#hash = this.#fresh();
  }
  #fresh(): Hash | Hmac {
    return this.#secret === undefined ? createHash('sha256') : createHmac('sha256', this.#secret);
  }
}

/** A Signature Version 4 signer for one service and region. */
export function signerFor(
  keys: AwsKeys | (() => Promise<AwsKeys>),
  region: string,
  service: string,
): SignatureV4 {
  return new SignatureV4({ credentials: keys, region, service, sha256: Sha256 });
}

const payloadHashHeader = 'x-amz-content-sha256';

/**
 * A URL by which anybody who has it may GET one object of S3 for `expiresInSec` from `at`, as the keys' owner may. It
 * is a secret as long as it holds.
 */
export async function presignedGetUrl(
  object: URL,
  { keys, region, expiresInSec, at }: { keys: AwsKeys; region: string; expiresInSec: number; at: Date },
): Promise<URL> {
  const signer = new SignatureV4({
    credentials: keys,
    region,
    service: 's3',
    sha256: Sha256,
    // S3 signs a key as it stands in the path.
    uriEscapePath: false,
  });
  const { query = {} } = await signer.presign(
    {
      method: 'GET',
      protocol: object.protocol,
      hostname: object.hostname,
      path: object.pathname,
      headers: { host: object.host, [payloadHashHeader]: 'UNSIGNED-PAYLOAD' },
    },
    { signingDate: at, expiresIn: expiresInSec, unsignableHeaders: new Set([payloadHashHeader]) },
  );
  const url = new URL(object);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value));
  return url;
}
