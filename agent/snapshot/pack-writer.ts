import { packHeader, packHeaderBytes } from '../../core/snapshot/format.ts';
import type { ChunkLocation } from '../../core/snapshot/format.ts';
import { keys, newObjectName, type RandomBytes } from '../../core/snapshot/names.ts';
import type { Bucket } from '../s3/bucket.ts';
import type { ChunkEncoder } from './chunk-encoder.ts';
import type { StoredChunk } from './upload-journal.ts';
import type { UploadPool } from './upload-pool.ts';

/**
 * Stored chunks gather in one pack until the next would make it longer than this. Larger packs mean fewer
 * requests, smaller ones less memory: up to `uploads in flight` + 1 packs are held.
 */
export const packTargetBytes = 8 * 1024 * 1024;

/** A chunk's stored bytes, whose memory is used again from `release` on. */
type NewChunk = Pick<ChunkLocation, 'algorithm' | 'hash'> & {
  index: number;
  stored: Uint8Array;
  release?: () => void;
};

interface PackWriterDeps {
  owner: string;
  random: RandomBytes;
  signal: AbortSignal;
  encoder: ChunkEncoder;
  /** These chunks have arrived. Never rejects. */
  onStored?: ((chunks: readonly StoredChunk[]) => Promise<void>) | undefined;
}

/** Appends stored chunks to packs and uploads each pack when it is full. */
export class PackWriter {
  readonly #bucket: Bucket;
  readonly #pool: UploadPool;
  readonly #owner: string;
  readonly #random: RandomBytes;
  readonly #signal: AbortSignal;
  readonly #encoder: ChunkEncoder;
  readonly #onStored: PackWriterDeps['onStored'];
  #name = '';
  #parts: Pick<NewChunk, 'stored' | 'release'>[] = [];
  #chunks: StoredChunk[] = [];
  #lengthBytes = 0;
  /** Of all packs that were started to be uploaded. */
  uploadedBytes = 0;

  constructor(bucket: Bucket, pool: UploadPool, deps: PackWriterDeps) {
    this.#bucket = bucket;
    this.#pool = pool;
    this.#owner = deps.owner;
    this.#random = deps.random;
    this.#signal = deps.signal;
    this.#encoder = deps.encoder;
    this.#onStored = deps.onStored;
  }

  /** Where the bytes will be once `finish` has resolved. */
  async add({ index, stored, algorithm, hash, release }: NewChunk): Promise<ChunkLocation> {
    if (this.#parts.length > 0 && this.#lengthBytes + stored.length > packTargetBytes) await this.finish();
    if (this.#parts.length === 0) {
      this.#name = newObjectName(this.#owner, this.#random);
      this.#parts = [{ stored: packHeader() }];
      this.#chunks = [];
      this.#lengthBytes = packHeaderBytes;
    }
    const place = { pack: this.#name, offsetBytes: this.#lengthBytes, storedBytes: stored.length };
    const location = { ...place, algorithm, hash };
    this.#parts.push({ stored, ...(release && { release }) });
    this.#chunks.push({ index, location });
    this.#lengthBytes += stored.length;
    return location;
  }

  /** Hands the last pack to the pool; the pool's `drain` tells whether all of them arrived. */
  async finish(): Promise<void> {
    if (this.#parts.length === 0) return;
    const body = this.#body();
    const key = keys.pack(this.#name);
    const chunks = this.#chunks;
    this.#parts = [];
    this.uploadedBytes += body.length;
    await this.#pool.start(async () => {
      const hash = await this.#encoder.sha256(body);
      await this.#bucket.put(key, body, { signal: this.#signal, hash });
      this.#encoder.give(body);
      await this.#onStored?.(chunks);
    });
  }

  #body(): Uint8Array {
    const body = this.#encoder.take(this.#lengthBytes);
    let at = 0;
    for (const { stored, release } of this.#parts) {
      body.set(stored, at);
      at += stored.length;
      release?.();
    }
    return body;
  }
}
