import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { raceSignal } from '../s3/race-signal.ts';
import { BoundedCache } from '../snapshot/bounded-cache.ts';
import type { SignedRequest } from './transfer.ts';

interface S3Object {
  Bucket: string;
  Key: string;
}

interface SdkRequest {
  protocol: string;
  hostname: string;
  port?: number;
  path: string;
  query?: Record<string, string | string[] | null>;
  headers: Record<string, string>;
}

/** S3 takes a signature for 15 minutes; a clock that is put right, or new credentials, are to count soon. */
const reuseMs = 60_000;
const objectsMax = 256;

/**
 * Signs the GET of an object once and sends it out for many of its ranges: the signature has to cover `host` and the
 * `x-amz-` headers, and a restore asks a pack for dozens of ranges. Signing costs the SDK a millisecond or two of the
 * thread that serves clients.
 */
export class RangeSigner {
  readonly #client: S3Client;
  readonly #now: () => number;
  readonly #signed = new BoundedCache<SignedRequest>(objectsMax);

  /** `now`: Unix milliseconds. */
  constructor(client: S3Client, now: () => number) {
    this.#client = client;
    this.#now = now;
  }

  /** Throws what the credentials' provider throws; the signal's reason when aborted. */
  async sign(object: S3Object, range: string, signal?: AbortSignal): Promise<SignedRequest> {
    const signing = this.#signed.get(this.#keyOf(object), () => signGet(this.#client, object));
    const request = await raceSignal(signing, signal);
    return { ...request, headers: { ...request.headers, range } };
  }

  /** After a failure: the signature may have been what was wrong. */
  forget(object: S3Object): void {
    this.#signed.forget(this.#keyOf(object));
  }

  #keyOf = ({ Key }: S3Object): string => `${Math.floor(this.#now() / reuseMs)} ${Key}`;
}

/**
 * The GET as the SDK would send it: its endpoint, its credentials, its signature. The middleware stands before
 * everything that sends and reads, and gives the finished request back instead.
 */
async function signGet(client: S3Client, object: S3Object): Promise<SignedRequest> {
  let signed: SdkRequest | undefined;
  const command = new GetObjectCommand(object);
  command.middlewareStack.add(
    () => (args) => {
      signed = args.request as SdkRequest;
      return Promise.resolve({ response: undefined, output: { $metadata: {} } });
    },
    { step: 'deserialize', priority: 'high', name: 'holdfastSignOnly' },
  );
  await client.send(command);
  if (!signed) throw new Error('the SDK sent nothing');
  const { protocol, hostname, port, path, query, headers } = signed;
  return { protocol, hostname, port, path: path + queryText(query ?? {}), headers: { ...headers } };
}

function queryText(query: NonNullable<SdkRequest['query']>): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    [value ?? ''].flat().map((each) => `${encodeURIComponent(name)}=${encodeURIComponent(each)}`),
  );
  return pairs.length > 0 ? `?${pairs.join('&')}` : '';
}
