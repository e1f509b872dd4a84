import { Worker } from 'node:worker_threads';
import { HoldfastError } from '../../core/errors.ts';
import type { Encoding } from '../snapshot/chunk-encoder.ts';
import type { LateWrite, LateWriter, OpenFile, WriteFault } from './late-writes.ts';
import { ownMemory, type Answer, type Order, type ThreadSettings } from './thread-messages.ts';
import {
  TransferFailure,
  type PackedChunk,
  type SignedRequest,
  type Transfer,
  type UnpackedChunk,
} from './transfer.ts';

/**
 * Fetching, hashing, packing, unpacking and late writes in a thread of its own, so that the thread that serves clients
 * has its time for them. It starts with the first order, and again after it died: what it was at fails then as a broken
 * connection does, which is tried again.
 */
export class TransferThread implements Transfer, LateWriter {
  readonly #env: Record<string, string | undefined>;
  readonly #waiting = new Map<number, PromiseWithResolvers<Answer>>();
  #worker: Worker | undefined;
  #isClosing = false;
  #lastId = 0;

  constructor(env: Record<string, string | undefined>) {
    this.#env = env;
  }

  async fetchRange(
    request: SignedRequest,
    lengthBytes: number,
    signal?: AbortSignal,
    into?: Uint8Array,
  ): Promise<Uint8Array> {
    signal?.throwIfAborted();
    const id = ++this.#lastId;
    const cancel = (): void => this.#post({ kind: 'cancel', id });
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      const answer = await this.#ask({ kind: 'fetch', id, request, lengthBytes, into });
      // Of shared memory our own view: the answer's is another object, which nobody could give back.
      if ('fetched' in answer) return into?.subarray(0, answer.fetched.length) ?? answer.fetched;
      signal?.throwIfAborted();
      throw failureOf(answer);
    } finally {
      signal?.removeEventListener('abort', cancel);
    }
  }

  async unpack(stored: Uint8Array, chunks: readonly PackedChunk[]): Promise<UnpackedChunk[]> {
    const order: Order = { kind: 'unpack', id: ++this.#lastId, stored, chunks };
    const answer = await this.#ask(order, ownMemory([stored])).catch(asFailed(order.id));
    if ('unpacked' in answer)
      return answer.unpacked.map((one, i) =>
        'bytes' in one ? { bytes: sharedPlace(stored, chunks[i]!) ?? one.bytes } : one,
      );
    throw new HoldfastError('UNAVAILABLE', `chunks cannot be unpacked: ${failureOf(answer).message}`, {
      hint: 'a restore tries again by itself; start any other command again',
    });
  }

  async write(file: OpenFile, writes: readonly LateWrite[]): Promise<(WriteFault | undefined)[]> {
    const answer = await this.#ask({ kind: 'write', id: ++this.#lastId, file, writes });
    if ('written' in answer) return answer.written;
    throw failureOf(answer);
  }

  /** As `encodeNow`, of shared memory. Throws where the thread has died; so does the next one. */
  async encode(plain: Uint8Array, parentHash: Uint8Array | undefined, into: Uint8Array): Promise<Encoding> {
    const answer = await this.#ask({ kind: 'encode', id: ++this.#lastId, plain, parentHash, into });
    if (!('encoded' in answer)) throw failureOf(answer);
    const { encoded } = answer;
    if (encoded.kind !== 'zstd') return encoded;
    return { kind: 'zstd', hash: encoded.hash, packed: into.subarray(0, encoded.packedBytes) };
  }

  async sha256(bytes: Uint8Array): Promise<Uint8Array> {
    const answer = await this.#ask({ kind: 'hash', id: ++this.#lastId, bytes });
    if ('hash' in answer) return answer.hash;
    throw failureOf(answer);
  }

  /** Starts it before there is work: it takes a tenth of a second, in which S3 can be asked already. */
  warm(): void {
    if (this.#worker) return;
    this.#worker = this.#start();
    this.#worker.unref();
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#worker?.terminate();
    this.#isClosing = false;
  }

  #ask(order: Exclude<Order, { kind: 'cancel' }>, transfer: ArrayBuffer[] = []): Promise<Answer> {
    const waiting = Promise.withResolvers<Answer>();
    this.#waiting.set(order.id, waiting);
    this.#post(order, transfer);
    // The process lives for what it waits for, and not for a thread that has nothing to do.
    this.#worker?.ref();
    return waiting.promise.finally(() => {
      this.#waiting.delete(order.id);
      // An answer that comes while the thread ends must not end the process before that.
      if (this.#waiting.size === 0 && !this.#isClosing) this.#worker?.unref();
    });
  }

  #post(order: Order, transfer: ArrayBuffer[] = []): void {
    if (order.kind === 'cancel' && !this.#worker) return;
    this.#worker ??= this.#start();
    this.#worker.postMessage(order, transfer);
  }

  #start(): Worker {
    const settings: ThreadSettings = { env: { ...this.#env } };
    const worker = new Worker(new URL('./transfer-worker.ts', import.meta.url), { workerData: settings });
    worker.on('message', (answer: Answer) => this.#waiting.get(answer.id)?.resolve(answer));
    let why = 'it ended';
    worker.on('error', (cause) => (why = cause.message));
    worker.once('exit', () => {
      if (this.#worker === worker) this.#worker = undefined;
      const failure = new TransferFailure(`the transfer thread: ${why}`, { code: 'ECONNRESET' });
      for (const waiting of this.#waiting.values()) waiting.reject(failure);
    });
    return worker;
  }
}

/** Where the plain bytes of a chunk are that was unpacked to shared memory, or left where it was in such. */
function sharedPlace(stored: Uint8Array, chunk: PackedChunk): Uint8Array | undefined {
  const { algorithm, offsetBytes, storedBytes, into } = chunk;
  if (algorithm === 'zstd') return into;
  const isShared = stored.buffer instanceof SharedArrayBuffer;
  return isShared ? stored.subarray(offsetBytes, offsetBytes + storedBytes) : undefined;
}

const asFailed =
  (id: number) =>
  (cause: Error): Answer => ({ id, failed: { message: cause.message, code: undefined, status: undefined } });

function failureOf(answer: Answer): TransferFailure {
  if (!('failed' in answer)) return new TransferFailure('an answer to another question');
  const { message, code, status } = answer.failed;
  return new TransferFailure(message, {
    ...(code !== undefined && { code }),
    ...(status !== undefined && { status }),
  });
}
