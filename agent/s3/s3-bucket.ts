import {
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  type _Object as S3Object,
  type ListObjectsV2CommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { HoldfastError } from '../../core/errors.ts';
import type { Bucket, CallOptions, ListedObject, PutOptions, RangeOptions } from './bucket.ts';
import { collectBody } from './collect-body.ts';
import {
  defaultRetryPolicy,
  systemRetryDeps,
  withRetries,
  type RetryDeps,
  type RetryPolicy,
} from './retry.ts';
import { classifyS3Failure, s3Error } from './s3-errors.ts';
import { s3Url } from './s3-url.ts';
import { withinTime } from './within-time.ts';
import { putCommand } from './put-command.ts';
import { RangeSigner } from '../transfer/sign-range.ts';
import { objectTooLong, TransferFailure } from '../transfer/transfer.ts';
import { inlineTransfers, type Transfers } from '../transfer/transfers.ts';

export interface BucketOptions {
  /** A client, or what makes one: it is asked again when S3 says that the credentials have expired. */
  client: S3Client | (() => Promise<S3Client>);
  bucket: string;
  /** Empty, or ends with a slash. */
  prefix: string;
  /** Keys that one listing or deletion covers. @default 1000, S3's own bound */
  keysPerRequestMax?: number;
  /** One attempt, its whole body included. @default 60 s */
  attemptTimeoutMs?: number;
  retry?: Partial<RetryPolicy>;
  /** How ranges are fetched. @default in this thread, without a proxy */
  transfers?: Transfers;
  deps?: RetryDeps;
  /** Told before each wait, so that a person or a log can see what the delay is about. */
  onRetry?: (error: HoldfastError, delayMs: number) => void;
}

/** Repeats what fails for a while (throttling, network, 5xx), with growing delays and within a time budget. */
export function openBucket(options: BucketOptions): Bucket {
  return new S3Bucket(options);
}

class S3Bucket implements Bucket {
  readonly url: string;
  readonly #options: BucketOptions;
  readonly #policy: RetryPolicy;
  readonly #keysPerRequestMax: number;
  #client: Promise<S3Client> | undefined;
  readonly #signers = new WeakMap<S3Client, RangeSigner>();

  constructor(options: BucketOptions) {
    this.#options = options;
    this.#policy = { ...defaultRetryPolicy, ...options.retry };
    this.#keysPerRequestMax = options.keysPerRequestMax ?? 1000;
    this.url = s3Url(options);
  }

  async put(key: string, body: Uint8Array, options: PutOptions = {}): Promise<void> {
    const { hash, isNew, ...others } = options;
    // Also for a store that takes no notice of the condition.
    if (isNew && (await this.has(key, others))) {
      if (await this.#holds(key, body, others)) return;
      throw new HoldfastError('CONFLICT', `put ${this.#name(key)}: something else wrote it first`);
    }
    try {
      await this.#call('put', key, others, (client, signal) =>
        client.send(putCommand(this.#object(key), body, { hash, isNew }), { abortSignal: signal }),
      );
    } catch (error) {
      const code = error instanceof HoldfastError && isNew ? error.code : undefined;
      if (code === 'UNSUPPORTED') return this.put(key, body, { ...others, ...(hash && { hash }) });
      if (code !== 'CONFLICT' || !(await this.#holds(key, body, others))) throw error;
    }
  }

  async #holds(key: string, body: Uint8Array, options: CallOptions): Promise<boolean> {
    const found = await this.get(key, { ...options, maxBytes: body.length }).catch((error: unknown) => {
      if (error instanceof HoldfastError && error.code === 'CORRUPT') return undefined;
      throw error;
    });
    return found !== undefined && Buffer.compare(found, body) === 0;
  }

  get(key: string, options: CallOptions & { maxBytes: number }): Promise<Uint8Array> {
    return this.#read(key, options, async (client, signal) => {
      const response = await client.send(new GetObjectCommand(this.#object(key)), { abortSignal: signal });
      return collectBody(response, options.maxBytes, `get ${this.#name(key)}`);
    });
  }

  getRange(
    key: string,
    { offsetBytes, lengthBytes }: { offsetBytes: number; lengthBytes: number },
    options?: RangeOptions,
  ): Promise<Uint8Array> {
    const range = `bytes=${offsetBytes}-${offsetBytes + lengthBytes - 1}`;
    const { [options?.priority ?? 'demand']: transfer } = this.#options.transfers ?? inlineTransfers;
    return this.#read(key, options, async (client, signal) => {
      const signer = this.#signerOf(client);
      const request = await signer.sign(this.#object(key), range, signal);
      const bytes = await transfer
        .fetchRange(request, lengthBytes, signal, options?.into)
        .catch((error: unknown) => {
          signer.forget(this.#object(key));
          if (!(error instanceof TransferFailure) || error.code !== objectTooLong) throw error;
          throw new HoldfastError('IO', `get ${this.#name(key)}: ${error.message}`, {
            hint: 'something between here and S3 disregards the Range of a request, or S3’s stand-in does',
            cause: error,
          });
        });
      if (bytes.length === lengthBytes) return bytes;
      throw new HoldfastError('CORRUPT', `${this.#name(key)} ends before byte ${offsetBytes + lengthBytes}`);
    });
  }

  /**
   * By a listing: S3 answers a HEAD of a missing object with 403 where the permission to list is limited to a
   * prefix, as an agent's is.
   */
  async has(key: string, options?: CallOptions): Promise<boolean> {
    const { bucket, prefix } = this.#options;
    const page = await this.#call('look up', key, options, (client, signal) =>
      client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix + key, MaxKeys: 1 }), {
        abortSignal: signal,
      }),
    );
    return this.#listed(page, key)[0]?.Key === prefix + key;
  }

  async *list(keyPrefix: string, options?: CallOptions): AsyncGenerator<ListedObject> {
    const { bucket, prefix } = this.#options;
    let ContinuationToken: string | undefined;
    const tokens = new Set<string>();
    do {
      const token = ContinuationToken;
      const page = await this.#call('list', keyPrefix, options, (client, signal) =>
        client.send(
          new ListObjectsV2Command({
            Bucket: bucket,
            Prefix: prefix + keyPrefix,
            ContinuationToken: token,
            MaxKeys: this.#keysPerRequestMax,
          }),
          { abortSignal: signal },
        ),
      );
      for (const { Key = '', Size = 0, LastModified } of this.#listed(page, keyPrefix))
        yield { key: Key.slice(prefix.length), sizeBytes: Size, modifiedAtMs: LastModified?.getTime() ?? 0 };
      ContinuationToken = page.IsTruncated ? page.NextContinuationToken : undefined;
      if (ContinuationToken !== undefined && tokens.has(ContinuationToken))
        throw new HoldfastError('IO', `list ${this.#name(keyPrefix)}: the listing goes in circles`, {
          hint: 'check AWS_ENDPOINT_URL_S3: what answers there is not S3',
        });
      if (ContinuationToken !== undefined) tokens.add(ContinuationToken);
    } while (ContinuationToken !== undefined);
  }

  async delete(keys: string[], options?: CallOptions): Promise<void> {
    for (let start = 0; start < keys.length; start += this.#keysPerRequestMax) {
      const batch = keys.slice(start, start + this.#keysPerRequestMax);
      await this.#call('delete', batch[0]!, options, async (client, signal) => {
        const Objects = batch.map((key) => ({ Key: this.#options.prefix + key }));
        const response = await client.send(
          new DeleteObjectsCommand({ Bucket: this.#options.bucket, Delete: { Objects, Quiet: true } }),
          { abortSignal: signal },
        );
        const failed = response.Errors?.[0];
        if (failed) throw Object.assign(new Error(failed.Message ?? 'not deleted'), { Code: failed.Code });
      });
    }
  }

  /**
   * What a page lists. An answer that only looks like an empty listing, as of a proxy that wants a login, must not
   * pass for one: garbage collection deletes what it does not see.
   */
  #listed(page: ListObjectsV2CommandOutput, keyPrefix: string): S3Object[] {
    const { Contents = [], IsTruncated, NextContinuationToken } = page;
    const isEnd = IsTruncated === false || (IsTruncated && NextContinuationToken !== undefined);
    const asked = this.#options.prefix + keyPrefix;
    if (isEnd && Contents.every(({ Key }) => Key?.startsWith(asked))) return Contents;
    throw new HoldfastError('IO', `list ${this.#name(keyPrefix)}: the answer is no listing of S3`, {
      hint: 'check AWS_ENDPOINT_URL_S3 and the proxy: what answers there is not S3',
    });
  }

  /** A missing object is NOT_FOUND also where S3 says 403 for the reason given at `has`. */
  async #read<T>(
    key: string,
    options: CallOptions | undefined,
    attempt: (client: S3Client, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    try {
      return await this.#call('get', key, options, attempt);
    } catch (error) {
      const forbidden = error instanceof HoldfastError && error.code === 'FORBIDDEN';
      if (!forbidden || (await this.has(key, options).catch(() => true))) throw error;
      throw new HoldfastError('NOT_FOUND', `there is no ${this.#name(key)}`, { cause: error });
    }
  }

  #object = (key: string) => ({ Bucket: this.#options.bucket, Key: this.#options.prefix + key });

  #name = (key: string): string => s3Url(this.#options, key);

  async #call<T>(
    verb: string,
    key: string,
    { signal }: CallOptions = {},
    attempt: (client: S3Client, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { attemptTimeoutMs = 60_000, deps = systemRetryDeps } = this.#options;
    const failure = (error: unknown): HoldfastError => s3Error(`${verb} ${this.#name(key)}`, error);
    const onRetry = (error: unknown, delayMs: number): void =>
      this.#options.onRetry?.(failure(error), delayMs);
    let renewed = false;
    const isTransient = (error: unknown): boolean => {
      if (error instanceof HoldfastError) return false;
      const { expired, transient } = classifyS3Failure(error);
      if (!expired || renewed || typeof this.#options.client !== 'function') return transient;
      renewed = true;
      this.#client = undefined;
      return true;
    };
    try {
      return await withRetries(
        async () => {
          const client = await this.#currentClient();
          return withinTime(attemptTimeoutMs, signal, (either) => attempt(client, either));
        },
        isTransient,
        { policy: this.#policy, deps, signal, onRetry },
      );
    } catch (error) {
      signal?.throwIfAborted();
      throw failure(error);
    }
  }

  /** Of other credentials another one. */
  #signerOf(client: S3Client): RangeSigner {
    const { deps = systemRetryDeps } = this.#options;
    const signer = this.#signers.get(client) ?? new RangeSigner(client, deps.now);
    this.#signers.set(client, signer);
    return signer;
  }

  #currentClient(): Promise<S3Client> {
    const { client } = this.#options;
    if (typeof client !== 'function') return Promise.resolve(client);
    this.#client ??= client().catch((error: unknown) => {
      this.#client = undefined;
      throw error;
    });
    return this.#client;
  }
}
