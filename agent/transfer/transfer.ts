import type { ChunkLocation } from '../../core/snapshot/format.ts';

/** A GET of a range, signed and ready to be sent as it is. Its headers are a secret while the signature is good. */
export interface SignedRequest {
  protocol: string;
  hostname: string;
  port: number | undefined;
  /** With the query. */
  path: string;
  headers: Record<string, string>;
}

/** What has to be known of a chunk to make plain bytes of stored ones. */
export interface PackedChunk {
  /** Where its stored bytes begin within those that were fetched. */
  offsetBytes: number;
  storedBytes: number;
  plainBytes: number;
  algorithm: ChunkLocation['algorithm'];
  /** SHA-256 of the plain bytes. */
  hash: Uint8Array;
  /** Where the plain bytes are to be, if not in new memory. One that is stored raw stays where it was fetched to. */
  into?: Uint8Array;
}

/** Plain bytes that match the hash, or why there are none. */
export type UnpackedChunk = { bytes: Uint8Array } | { fault: string };

/** The part of a restore that costs the processor: a thread of its own can do it, or this one. */
export interface Transfer {
  /**
   * The bytes of the answer's body, at most `lengthBytes`, fewer where the object ends before. Throws
   * TransferFailure; the signal's reason when aborted. They go to `into` where it is given: shared memory, so that
   * another thread can do it. From the abort on nothing is written to it before the next call's bytes.
   */
  fetchRange(
    request: SignedRequest,
    lengthBytes: number,
    signal?: AbortSignal,
    into?: Uint8Array,
  ): Promise<Uint8Array>;
  /** One result for each chunk. Stored bytes in memory that is not shared belong to the callee from then on. */
  unpack(stored: Uint8Array, chunks: readonly PackedChunk[]): Promise<UnpackedChunk[]>;
}

/** Why a GET failed, in the terms in which the SDK's errors say it: S3's error code, or the network's, and the status. */
export class TransferFailure extends Error {
  readonly code: string | undefined;
  readonly $metadata: { httpStatusCode: number | undefined };

  constructor(message: string, facts: { code?: string; status?: number } = {}) {
    super(message);
    this.code = facts.code;
    this.$metadata = { httpStatusCode: facts.status };
  }
}

/** More than this of an error's body is not worth reading. */
export const errorBodyBytesMax = 64 * 1024;

/** What an answer that is no part of an object says, as S3 writes it. */
export function answerFailure(status: number | undefined, body: Buffer): TransferFailure {
  const code = /<Code>([A-Za-z0-9.]{1,80})<\/Code>/.exec(body.toString('utf8'))?.[1];
  return new TransferFailure(`HTTP ${status}`, { ...(code && { code }), ...(status && { status }) });
}

export const brokenConnection = (message: string): TransferFailure =>
  new TransferFailure(message, { code: 'ECONNRESET' });

/** The code of a failure that no other attempt can mend: the answer is longer than what was asked for. */
export const objectTooLong = 'ObjectTooLong';

export const tooLong = (lengthBytes: number): TransferFailure =>
  new TransferFailure(`the answer is longer than the ${lengthBytes} bytes that were asked for`, {
    code: objectTooLong,
  });
