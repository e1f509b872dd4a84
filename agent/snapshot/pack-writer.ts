import { packHeader, packHeaderBytes } from '../../core/snapshot/format.ts';
import { keys, newObjectName, type RandomBytes } from '../../core/snapshot/names.ts';
import type { Bucket } from '../s3/bucket.ts';
import type { UploadPool } from './upload-pool.ts';

/**
 * Stored chunks gather in one pack until the next would make it longer than this. Larger packs mean fewer
 * requests, smaller ones less memory: up to `uploads in flight` + 1 packs are held.
 */
export const packTargetBytes = 8 * 1024 * 1024;

/** Appends stored chunks to packs and uploads each pack when it is full. */
export class PackWriter {
  readonly #bucket: Bucket;
  readonly #pool: UploadPool;
  readonly #owner: string;
  readonly #random: RandomBytes;
  readonly #signal: AbortSignal;
  #name = '';
  #parts: Uint8Array[] = [];
  #lengthBytes = 0;
  /** Of all packs that were started to be uploaded. */
  uploadedBytes = 0;

  constructor(
    bucket: Bucket,
    pool: UploadPool,
    { owner, random, signal }: { owner: string; random: RandomBytes; signal: AbortSignal },
  ) {
    this.#bucket = bucket;
    this.#pool = pool;
    this.#owner = owner;
    this.#random = random;
    this.#signal = signal;
  }

  /** Where the bytes will be once `finish` has resolved. */
  async add(stored: Uint8Array): Promise<{ pack: string; offsetBytes: number }> {
    if (this.#parts.length > 0 && this.#lengthBytes + stored.length > packTargetBytes) await this.finish();
    if (this.#parts.length === 0) {
      this.#name = newObjectName(this.#owner, this.#random);
      this.#parts = [packHeader()];
      this.#lengthBytes = packHeaderBytes;
    }
    const offsetBytes = this.#lengthBytes;
    this.#parts.push(stored);
    this.#lengthBytes += stored.length;
    return { pack: this.#name, offsetBytes };
  }

  /** Hands the last pack to the pool; the pool's `drain` tells whether all of them arrived. */
  async finish(): Promise<void> {
    if (this.#parts.length === 0) return;
    const body = Buffer.concat(this.#parts, this.#lengthBytes);
    const key = keys.pack(this.#name);
    this.#parts = [];
    this.uploadedBytes += body.length;
    await this.#pool.start(() => this.#bucket.put(key, body, { signal: this.#signal }));
  }
}
