import { Agent, request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { Agent as TlsAgent, request as httpsRequest } from 'node:https';
import { discard } from './shared-buffers.ts';
import {
  answerFailure,
  brokenConnection,
  errorBodyBytesMax,
  tooLong,
  TransferFailure,
  type SignedRequest,
} from './transfer.ts';

const socketsMax = 64;

export type FetchRange = (
  request: SignedRequest,
  lengthBytes: number,
  signal?: AbortSignal,
  into?: Uint8Array,
) => Promise<Uint8Array>;

/**
 * GETs over kept connections, without the SDK's layers: those cost more than everything else that happens to the
 * bytes. The buffer is the caller's, or allocated by our number, never by the server's. `proxy`: the agent that knows the
 * way out.
 */
export function generalFetcher(proxy?: Agent): FetchRange {
  const plain = proxy ?? new Agent({ keepAlive: true, maxSockets: socketsMax });
  const secure = proxy ?? new TlsAgent({ keepAlive: true, maxSockets: socketsMax });
  // The agent of a proxy needs the protocol among the options to find a connection again.
  const send = (request: SignedRequest, signal?: AbortSignal): ClientRequest =>
    request.protocol === 'https:'
      ? httpsRequest({ ...request, agent: secure, signal })
      : httpRequest({ ...request, agent: plain, signal });
  return (request, lengthBytes, signal, into) =>
    new Promise((resolve, reject) => {
      const sent = send(request, signal);
      sent.on('error', (cause) => reject(signal?.aborted ? signal.reason : broken(cause)));
      let isAnswered = false;
      // Also after an answer that is none, such as 101: Node tells only that it has closed the connection.
      sent.once('close', () => {
        if (!isAnswered)
          reject(signal?.aborted ? signal.reason : brokenConnection('closed without an answer'));
      });
      sent.once('response', (response) => {
        isAnswered = true;
        const isPart = response.statusCode === 206 || response.statusCode === 200;
        (isPart ? body(response, { lengthBytes, into, signal }) : failure(response)).then(resolve, reject);
      });
      sent.end();
    });
}

const broken = ({ message, code, name }: NodeJS.ErrnoException): TransferFailure =>
  // As a name and a code: what is not HTTP is a broken connection.
  new TransferFailure(message, { code: code?.startsWith('HPE_') ? 'ECONNRESET' : (code ?? name) });

async function body(
  response: IncomingMessage,
  place: { lengthBytes: number; into: Uint8Array | undefined; signal: AbortSignal | undefined },
): Promise<Uint8Array> {
  const { lengthBytes } = place;
  const announced = Number(response.headers['content-length'] ?? lengthBytes);
  if (!(announced <= lengthBytes)) {
    response.destroy();
    throw tooLong(lengthBytes);
  }
  const into = place.into?.subarray(0, announced) ?? new Uint8Array(announced);
  const length = await collect(response, into, place.signal);
  if (length > into.length) throw tooLong(lengthBytes);
  if (response.headers['content-length'] !== undefined && length < announced)
    throw brokenConnection('the connection ended early');
  return into.subarray(0, length);
}

async function failure(response: IncomingMessage): Promise<never> {
  const into = new Uint8Array(errorBodyBytesMax);
  const length = await collect(response, into).catch(() => 0);
  throw answerFailure(response.statusCode, Buffer.from(into.subarray(0, Math.min(length, into.length))));
}

/** How many bytes came; where they are more than there is room for, the connection is given up. */
function collect(response: IncomingMessage, into: Uint8Array, signal?: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    let length = 0;
    response.on('data', (part: Buffer) => {
      // Of a request that was given up nothing may be written any more: the memory may be another one's by now.
      if (signal?.aborted || response.destroyed) return;
      if (length + part.length <= into.length) into.set(part, length);
      length += part.length;
      discard(part);
      if (length <= into.length) return;
      response.destroy();
      resolve(length);
    });
    response.once('end', () => resolve(length));
    response.on('error', (cause) => reject(broken(cause)));
  });
}
