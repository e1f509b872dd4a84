import type { Duplex } from 'node:stream';
import { requestMaxBytes } from './exports.ts';
import { IdlePoll } from './idle-poll.ts';
import { createRequestReader } from './reader.ts';
import { ReplySender } from './reply-sender.ts';
import { performNow } from './perform-now.ts';
import { errorReply, performRequest, validateRequest, type Session } from './requests.ts';
import { command, type Request } from './wire.ts';

/**
 * What one connection may have in flight. No new request is read while either is reached, so a connection holds at
 * most `bytesInFlightMax` and one request more. nbdcopy keeps 16 MiB a connection in flight.
 */
const requestsInFlightMax = 128;
const bytesInFlightMax = 16 * 1024 * 1024;
/**
 * What is read at once is read when its turn to be sent has nearly come: until then it would only push other replies
 * out of the processor's cache. This is twice what a socket takes, so that there is always something to send.
 */
const unsentReadsMaxBytes = 512 * 1024;
/** A socket with fewer requests that wait their turn need not be stopped and started. */
const unreadMaxBytes = 16 * 1024;

export interface Transmission {
  /** Takes no further request, answers those in flight, then ends the connection. */
  drain(): void;
  /** Resolves when the connection is closed and no request of it is with the device any more. */
  done: Promise<void>;
}

/**
 * Serves one client's requests until either side ends the connection. `onViolation` is told why a client that broke
 * the protocol was cut off; `onFault` of device errors that no client's request explains.
 */
export function runTransmission(
  socket: Duplex,
  session: Session,
  firstBytes: Buffer,
  observe: { onViolation(reason: string): void; onFault(thrown: unknown, request: Request): void },
): Transmission {
  const reader = createRequestReader(requestMaxBytes(session.device), session.buffers);
  const replies = new ReplySender(socket, session.buffers, () => pump());
  const poll = new IdlePoll();
  let requestsInFlight = 0;
  let bytesInFlight = 0;
  let draining = false;
  let paused = false;
  /** Not any more after a write that failed: the device may still be at work on its bytes. */
  let isReleasing = true;
  let closed = socket.destroyed;
  const done = Promise.withResolvers<void>();

  const unsentMaxBytes = session.device.readNow ? unsentReadsMaxBytes : bytesInFlightMax;

  /** Bytes that the kernel has not taken yet count too: a client that does not read its replies is not read either. */
  const hasRoom = (): boolean =>
    requestsInFlight < requestsInFlightMax &&
    replies.unsentBytes < unsentMaxBytes &&
    bytesInFlight + replies.unsentBytes < bytesInFlightMax;

  const finishIfIdle = (): void => {
    if (requestsInFlight > 0) return;
    replies.flush();
    if (closed) done.resolve();
    else if (draining) socket.end(() => socket.destroy());
  };
  const settle = (request: Request, buffers: readonly Buffer[]): void => {
    requestsInFlight--;
    bytesInFlight -= dataBytesOf(request);
    replies.send(buffers, requestsInFlight > 0);
    pump();
    finishIfIdle();
  };
  const failed = (request: Request, thrown: unknown): Buffer[] => {
    observe.onFault(thrown, request);
    if (request.type === command.write) isReleasing = false;
    return [errorReply(session, request.cookie, thrown)];
  };
  const begin = (request: Request, payload: Buffer | undefined): void => {
    const refusal = validateRequest(session, request);
    if (refusal) {
      replies.send([errorReply(session, request.cookie, refusal)], requestsInFlight > 0);
      return;
    }
    try {
      if (performNow(session, request, payload, replies)) {
        if (payload) session.buffers.give(payload);
        return;
      }
    } catch (thrown) {
      replies.send(failed(request, thrown), requestsInFlight > 0);
      return;
    }
    requestsInFlight++;
    bytesInFlight += dataBytesOf(request);
    performRequest(session, request, payload).then(
      (buffers) => {
        if (payload) session.buffers.give(payload);
        settle(request, buffers);
      },
      (thrown: unknown) => settle(request, failed(request, thrown)),
    );
  };
  const pump = (): void => {
    while (!draining && !closed && hasRoom()) {
      const incoming = reader.next();
      if (!incoming) break;
      if (incoming.kind === 'violation') {
        observe.onViolation(incoming.reason);
        socket.destroy();
        closed = true;
      } else if (incoming.request.type === command.disconnect) {
        draining = true;
        finishIfIdle();
      } else begin(incoming.request, incoming.payload);
    }
    replies.flush();
    if (requestsInFlight === 0 && isReleasing) reader.release();
    // While draining the client's end must be seen, its data not.
    const pause = !draining && reader.unreadBytes >= unreadMaxBytes && !hasRoom();
    if (pause !== paused) {
      paused = pause;
      if (pause) socket.pause();
      else socket.resume();
    }
  };

  socket.on('data', (chunk: Buffer) => {
    if (draining) return;
    const isQuick = poll.arrived();
    reader.push(chunk);
    pump();
    if (requestsInFlight === 0) poll.answered(isQuick);
  });
  socket.on('drain', pump);
  socket.on('close', () => {
    closed = true;
    finishIfIdle();
  });
  if (firstBytes.length > 0) reader.push(firstBytes);
  pump();
  if (closed) finishIfIdle();
  return {
    done: done.promise,
    drain: () => {
      draining = true;
      pump();
      finishIfIdle();
    },
  };
}

/** What a request makes us hold: a read's reply or a write's payload. */
function dataBytesOf({ type, lengthBytes }: Request): number {
  return type === command.read || type === command.write ? lengthBytes : 0;
}
