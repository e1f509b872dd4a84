import type { Bucket, ListedObject, PutOptions } from '../../agent/s3/bucket.ts';
import { HoldfastError } from '../../core/errors.ts';

/** A bucket in memory that keeps the contract of agent/s3/bucket.ts and counts what is asked of it. */
export class MemoryBucket implements Bucket {
  readonly url = 's3://memory';
  readonly objects = new Map<string, Uint8Array>();
  readonly counts = { put: 0, get: 0, getRange: 0, has: 0, list: 0, delete: 0 };
  /** Unix milliseconds by this store's clock: what objects are stamped with. */
  nowMs = 0;
  readonly #modifiedAtMs = new Map<string, number>();

  async put(key: string, body: Uint8Array, { isNew }: PutOptions = {}): Promise<void> {
    this.counts.put += 1;
    const before = this.objects.get(key);
    if (isNew && before && Buffer.compare(before, body) !== 0)
      throw new HoldfastError('CONFLICT', `put ${key}: there is another`);
    this.objects.set(key, new Uint8Array(body));
    this.#modifiedAtMs.set(key, this.nowMs);
  }

  async get(key: string, { maxBytes }: { maxBytes: number }): Promise<Uint8Array> {
    this.counts.get += 1;
    const bytes = this.#object(key);
    if (bytes.length > maxBytes)
      throw new HoldfastError('CORRUPT', `${key} is longer than ${maxBytes} bytes`);
    return new Uint8Array(bytes);
  }

  async getRange(
    key: string,
    { offsetBytes, lengthBytes }: { offsetBytes: number; lengthBytes: number },
  ): Promise<Uint8Array> {
    this.counts.getRange += 1;
    const bytes = this.#object(key).slice(offsetBytes, offsetBytes + lengthBytes);
    if (bytes.length < lengthBytes) throw new HoldfastError('CORRUPT', `${key} ends too early`);
    return bytes;
  }

  async has(key: string): Promise<boolean> {
    this.counts.has += 1;
    return this.objects.has(key);
  }

  async *list(keyPrefix: string): AsyncGenerator<ListedObject> {
    this.counts.list += 1;
    const found = [...this.objects.keys()].filter((key) => key.startsWith(keyPrefix)).sort();
    for (const key of found) {
      const sizeBytes = this.objects.get(key)?.length ?? 0;
      yield { key, sizeBytes, modifiedAtMs: this.#modifiedAtMs.get(key) ?? 0 };
    }
  }

  async delete(keys: string[]): Promise<void> {
    this.counts.delete += 1;
    for (const key of keys) this.objects.delete(key);
  }

  keys = (keyPrefix = ''): string[] =>
    [...this.objects.keys()].filter((key) => key.startsWith(keyPrefix)).sort();

  #object(key: string): Uint8Array {
    const bytes = this.objects.get(key);
    if (bytes === undefined) throw new HoldfastError('NOT_FOUND', `there is no ${key}`);
    return bytes;
  }
}
