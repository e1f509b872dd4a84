import type { BufferPool } from './buffer-pool.ts';
import {
  clientFlagsBytes,
  command,
  decodeOptionHeader,
  decodeRequest,
  optionHeaderBytes,
  requestHeaderBytes,
  type Request,
} from './wire.ts';

/**
 * Turns the bytes of a client into messages. The readers know nothing of sockets: chunks go in, messages come out,
 * and what they hold is bounded by what has arrived, never by a length that the client states.
 */

/** No option that we know needs more: a 4 KiB name and a few queries. */
export const optionMaxBytes = 16 * 1024;
/** A write above an export's limit is skipped and refused; one above this ends the connection. */
export const skippedMaxBytes = 64 * 1024 * 1024;
/** A payload's first buffer at most; larger ones grow with what has arrived. */
const payloadStartBytes = 1024 * 1024;
/** Smaller chunks are no burden to the garbage collector. */
const releasedMinBytes = 4096;

export type HandshakeMessage =
  | { kind: 'client-flags'; flags: number }
  | { kind: 'option'; option: number; data: Buffer }
  | { kind: 'violation'; reason: string };

export interface Reader<Message> {
  /** Takes over `chunk`: it must not change afterwards. */
  push(chunk: Buffer): void;
  /** The next message, undefined until more bytes have come and for ever after a violation. */
  next(): Message | undefined;
  /** What has come and was not read yet, given up to the caller. */
  rest(): Buffer;
}

const nothing = Buffer.alloc(0);

/** Every `next` after the first violation finds nothing. */
function untilViolation<Message extends { kind: string }>(reader: Reader<Message>): Reader<Message> {
  let over = false;
  return {
    ...reader,
    next: () => {
      const message = over ? undefined : reader.next();
      over ||= message?.kind === 'violation';
      return message;
    },
  };
}

/** `greeted`: the client has sent its flags already (options go on after STARTTLS). */
export function createHandshakeReader(greeted = false): Reader<HandshakeMessage> {
  let pending: Buffer = nothing;
  const take = (count: number): Buffer => {
    const taken = pending.subarray(0, count);
    pending = pending.subarray(count);
    return taken;
  };
  const next = (): HandshakeMessage | undefined => {
    if (!greeted) {
      if (pending.length < clientFlagsBytes) return undefined;
      greeted = true;
      return { kind: 'client-flags', flags: take(clientFlagsBytes).readUInt32BE() };
    }
    if (pending.length < optionHeaderBytes) return undefined;
    const header = decodeOptionHeader(pending);
    if (!header) return { kind: 'violation', reason: 'an option without its magic' };
    if (header.lengthBytes > optionMaxBytes) {
      return { kind: 'violation', reason: `an option of ${header.lengthBytes} bytes` };
    }
    if (pending.length < optionHeaderBytes + header.lengthBytes) return undefined;
    take(optionHeaderBytes);
    return { kind: 'option', option: header.option, data: take(header.lengthBytes) };
  };
  return untilViolation({
    push: (chunk) => void (pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])),
    next,
    rest: () => take(pending.length),
  });
}

export type Incoming =
  /** `payload` is a write's bytes; a write longer than the limit has none, its bytes were dropped as they came. */
  { kind: 'request'; request: Request; payload: Buffer | undefined } | { kind: 'violation'; reason: string };

export interface RequestReader extends Reader<Incoming> {
  /**
   * Frees what was read of the chunks at once; the garbage collector would be kept busy by nothing else. For when
   * nobody looks at a payload any more, except at those that came from `buffers`.
   */
  release(): void;
  /** What has come and is no message yet. */
  readonly unreadBytes: number;
}

/** Payloads are views of chunks, or taken from `buffers` where they did not come in one piece. */
export function createRequestReader(payloadLimitBytes: number, buffers: BufferPool): RequestReader {
  let pending: Buffer = nothing;
  let at = 0; // of pending, to spare a subarray per small request
  let write: { request: Request; payload: Buffer; filledBytes: number } | undefined;
  let skip: { request: Request; leftBytes: number } | undefined;

  const header = (): Incoming | undefined => {
    if (pending.length - at < requestHeaderBytes) return undefined;
    const request = decodeRequest(pending, at);
    if (!request) return { kind: 'violation', reason: 'a request without its magic' };
    at += requestHeaderBytes;
    if (request.type !== command.write) return { kind: 'request', request, payload: undefined };
    if (request.lengthBytes > skippedMaxBytes) {
      return { kind: 'violation', reason: `a write of ${request.lengthBytes} bytes` };
    }
    if (request.lengthBytes > payloadLimitBytes) {
      skip = { request, leftBytes: request.lengthBytes };
      return skipped(skip);
    }
    const end = at + request.lengthBytes;
    if (end <= pending.length) {
      const payload = pending.subarray(at, end);
      at = end;
      return { kind: 'request', request, payload };
    }
    const startBytes = Math.min(request.lengthBytes, payloadStartBytes);
    write = { request, payload: buffers.take(startBytes), filledBytes: 0 };
    return filled(write);
  };
  const skipped = (current: { request: Request; leftBytes: number }): Incoming | undefined => {
    const count = Math.min(current.leftBytes, pending.length - at);
    current.leftBytes -= count;
    at += count;
    if (current.leftBytes > 0) return undefined;
    skip = undefined;
    return { kind: 'request', request: current.request, payload: undefined };
  };
  const filled = (current: {
    request: Request;
    payload: Buffer;
    filledBytes: number;
  }): Incoming | undefined => {
    const totalBytes = current.request.lengthBytes;
    const count = Math.min(totalBytes - current.filledBytes, pending.length - at);
    if (current.filledBytes + count > current.payload.length) {
      current.payload = grown(
        buffers,
        current.payload,
        current.filledBytes,
        current.filledBytes + count,
        totalBytes,
      );
    }
    pending.copy(current.payload, current.filledBytes, at, at + count);
    current.filledBytes += count;
    at += count;
    if (current.filledBytes < totalBytes) return undefined;
    write = undefined;
    return { kind: 'request', request: current.request, payload: current.payload.subarray(0, totalBytes) };
  };
  const reader = untilViolation<Incoming>({
    push: (chunk) => {
      pending = at === pending.length ? chunk : Buffer.concat([pending.subarray(at), chunk]);
      at = 0;
    },
    next: () => (skip ? skipped(skip) : write ? filled(write) : header()),
    rest: () => {
      const rest = pending.subarray(at);
      pending = nothing;
      at = 0;
      return rest;
    },
  });
  return {
    ...reader,
    get unreadBytes() {
      return pending.length - at;
    },
    release: () => {
      if (at < pending.length || at < releasedMinBytes) return;
      // A chunk of a socket has its memory to itself; part of something larger may be anybody's.
      if (at === pending.buffer.byteLength) (pending.buffer as ArrayBuffer).transfer(0);
      pending = nothing;
      at = 0;
    },
  };
}

/** At least four times as large: a 32 MiB payload is copied 1.3 times and not held before it has come. */
function grown(
  buffers: BufferPool,
  payload: Buffer,
  filledBytes: number,
  neededBytes: number,
  totalBytes: number,
): Buffer {
  const larger = buffers.take(Math.min(totalBytes, Math.max(neededBytes, payload.length * 4)));
  payload.copy(larger, 0, 0, filledBytes);
  buffers.give(payload);
  return larger;
}
