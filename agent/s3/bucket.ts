/**
 * The few operations on S3 that the repository needs. Keys are relative to the bucket's prefix. Reads see every
 * write, delete and list that completed before them (S3 has been strongly consistent since December 2020); the
 * order rules of the repository rest on that. Errors are HoldfastErrors: NOT_FOUND, FORBIDDEN, UNAUTHENTICATED,
 * CONFIG, THROTTLED, UNAVAILABLE, CONFLICT, CORRUPT (an object is longer or shorter than it must be), IO.
 * An aborted signal rejects with the signal's reason.
 */
export interface Bucket {
  /** `s3://bucket/prefix`, for messages. */
  readonly url: string;
  put(key: string, body: Uint8Array, options?: PutOptions): Promise<void>;
  /** The whole object; CORRUPT where it is longer than `maxBytes`. */
  get(key: string, options: CallOptions & { maxBytes: number }): Promise<Uint8Array>;
  /** Exactly these bytes; CORRUPT where the object ends before. */
  getRange(
    key: string,
    range: { offsetBytes: number; lengthBytes: number },
    options?: RangeOptions,
  ): Promise<Uint8Array>;
  has(key: string, options?: CallOptions): Promise<boolean>;
  /** Every key that starts with `keyPrefix`, in order. */
  list(keyPrefix: string, options?: CallOptions): AsyncIterable<ListedObject>;
  /** Deletes all of them; keys that do not exist count as deleted. */
  delete(keys: string[], options?: CallOptions): Promise<void>;
}

export interface CallOptions {
  signal?: AbortSignal;
  /** Of a range: whether a client waits for it. @default demand */
  priority?: 'demand' | 'background';
}

export interface PutOptions extends CallOptions {
  /** SHA-256 of the body, where the caller knows it: S3 checks what arrives against it. */
  hash?: Uint8Array;
  /**
   * CONFLICT where the key has other bytes already; the same ones are no error, for a request whose answer was lost is
   * made again. A store that knows no conditional writes overwrites.
   */
  isNew?: boolean;
}

export interface RangeOptions extends CallOptions {
  /** Shared memory that the bytes may be put into, so that nobody has to copy them; it is as long as they are. */
  into?: Uint8Array;
}

export interface ListedObject {
  key: string;
  sizeBytes: number;
  /** Unix milliseconds by the store's clock. */
  modifiedAtMs: number;
}
