import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { headBytesMax, parseResponseHead, type ResponseHead } from './response-head.ts';
import {
  answerFailure,
  brokenConnection,
  errorBodyBytesMax,
  tooLong,
  TransferFailure,
  type SignedRequest,
} from './transfer.ts';

/** One read of the socket at most. Every connection has its own, used again for each read. */
const receiveBytes = 128 * 1024;

/** Where the bytes of an answer go, and how many there may be. */
export interface Place {
  lengthBytes: number;
  into: Uint8Array | undefined;
}

/** What an answer came to. `unusual`: it may be good, but only a client that knows all of HTTP can read it. */
export type Outcome =
  { bytes: Uint8Array } | { failure: TransferFailure; isUnanswered?: boolean } | 'unusual';

interface Exchange {
  place: Place;
  settle: (outcome: Outcome) => void;
  head: ResponseHead | undefined;
  /** Of the head, or of an error's body. */
  text: Buffer;
  into: Uint8Array | undefined;
  doneBytes: number;
}

/**
 * A kept connection on which one GET is asked after the other. Node's own client makes a new buffer of each piece that
 * arrives, and following those costs more than to receive the bytes (docs/decisions/0011); here every piece arrives in
 * the same one and is copied to its place.
 */
export class RangeConnection {
  /** Nothing was asked on it yet: that it is closed cannot be for its age. */
  isFresh = true;
  readonly #socket: Socket;
  #exchange: Exchange | undefined;
  #isOver = false;

  constructor(request: SignedRequest, onClose: () => void) {
    const onread = {
      buffer: Buffer.allocUnsafeSlow(receiveBytes),
      callback: (count: number, buffer: Uint8Array): boolean => {
        this.#receive(Buffer.from(buffer.buffer, buffer.byteOffset, count));
        return true;
      },
    };
    this.#socket = openSocket(request, onread);
    this.#socket.setNoDelay(true).setKeepAlive(true, 1000);
    let cause: NodeJS.ErrnoException | undefined;
    this.#socket.on('error', (error) => (cause = error));
    this.#socket.once('close', () => {
      this.#isOver = true;
      onClose();
      this.#closed(cause);
    });
  }

  get isUsable(): boolean {
    return !this.#isOver && !this.#socket.destroyed;
  }

  /** Resolves with the answer; never while another one is awaited. `close` ends it as a broken connection. */
  async ask(request: string, place: Place): Promise<Outcome> {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const none = { head: undefined, text: Buffer.alloc(0), into: undefined, doneBytes: 0 };
    this.#exchange = { place, settle: resolve, ...none };
    this.#socket.ref();
    this.#socket.write(request, 'latin1');
    const outcome = await promise;
    this.isFresh = false;
    // A process does not live for a connection that is only kept.
    this.#socket.unref();
    return outcome;
  }

  close(): void {
    this.#isOver = true;
    this.#socket.destroy();
  }

  #receive(part: Buffer): void {
    const exchange = this.#exchange;
    // Bytes that nobody asked for: what follows on this connection could be anything.
    if (!exchange || this.#isOver) return this.close();
    if (exchange.head) return this.#body(exchange, part);
    const text = exchange.text.length > 0 ? Buffer.concat([exchange.text, part]) : part;
    const head = parseResponseHead(text);
    if (head === 'invalid')
      return this.#end(exchange, { failure: brokenConnection('the answer is no HTTP/1.1') });
    // The part's memory is used again for the next one.
    if (!head) exchange.text = Buffer.from(text.subarray(0, headBytesMax));
    else this.#begin(exchange, head, text.subarray(head.headBytes));
  }

  #begin(exchange: Exchange, head: ResponseHead, rest: Buffer): void {
    const { lengthBytes, into } = exchange.place;
    const { status, contentBytes } = head;
    exchange.head = head;
    exchange.text = Buffer.alloc(0);
    if (status < 200) return this.#end(exchange, 'unusual');
    if (isPart(head)) {
      if (contentBytes === undefined) return this.#end(exchange, 'unusual');
      if (contentBytes > lengthBytes) return this.#end(exchange, { failure: tooLong(lengthBytes) });
      exchange.into = into?.subarray(0, contentBytes) ?? new Uint8Array(contentBytes);
    }
    this.#body(exchange, rest);
  }

  #body(exchange: Exchange, part: Buffer): void {
    const { head, into } = exchange;
    if (!into || !head) return this.#errorBody(exchange, part);
    const leftBytes = into.length - exchange.doneBytes;
    into.set(part.length > leftBytes ? part.subarray(0, leftBytes) : part, exchange.doneBytes);
    exchange.doneBytes += Math.min(part.length, leftBytes);
    if (exchange.doneBytes < into.length) return;
    this.#exchange = undefined;
    if (part.length > leftBytes || !head.keepsAlive) this.close();
    exchange.settle({ bytes: into });
  }

  /** As it comes, lengths of chunks and all: only S3's code in it is wanted. */
  #errorBody(exchange: Exchange, part: Buffer): void {
    exchange.text = Buffer.concat([exchange.text, part]);
    const { length } = exchange.text;
    const { isChunked, status } = exchange.head!;
    const { contentBytes = status === 204 || status === 304 ? 0 : Infinity } = exchange.head!;
    const isLast = isChunked && exchange.text.subarray(-7).toString('latin1').endsWith('\r\n0\r\n\r\n');
    if (isLast || length >= Math.min(contentBytes, errorBodyBytesMax)) this.#endWithError(exchange);
  }

  #endWithError(exchange: Exchange): void {
    this.#end(exchange, { failure: answerFailure(exchange.head!.status, exchange.text) });
  }

  /** An answer whose end is not known leaves the connection useless. */
  #end(exchange: Exchange, outcome: Outcome): void {
    this.#exchange = undefined;
    this.close();
    exchange.settle(outcome);
  }

  #closed(cause: NodeJS.ErrnoException | undefined): void {
    const exchange = this.#exchange;
    if (!exchange) return;
    if (exchange.head && !exchange.into) return this.#endWithError(exchange);
    const why = exchange.head ? 'the connection ended early' : 'closed without an answer';
    const failure = cause
      ? new TransferFailure(cause.message, { code: cause.code ?? cause.name })
      : brokenConnection(why);
    this.#end(exchange, { failure, isUnanswered: !exchange.head && exchange.text.length === 0 });
  }
}

const isPart = ({ status }: ResponseHead): boolean => status === 200 || status === 206;

function openSocket({ protocol, hostname, port }: SignedRequest, onread: object): Socket {
  // As a URL writes an address of IPv6.
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  if (protocol !== 'https:')
    return connect({ host, port: port ?? 80, onread } as Parameters<typeof connect>[0] & object);
  const servername = isIP(host) ? undefined : host;
  return connectTls({
    host,
    port: port ?? 443,
    ALPNProtocols: ['http/1.1'],
    ...(servername && { servername }),
    ...{ onread },
  });
}

/** Throws TransferFailure where it would be more than one request. */
export function requestText({ hostname, port, path, headers }: SignedRequest): string {
  const fields = Object.entries(headers);
  if (!fields.some(([name]) => name.toLowerCase() === 'host'))
    fields.unshift(['host', port === undefined ? hostname : `${hostname}:${port}`]);
  const lines = [`GET ${path} HTTP/1.1`, ...fields.map(([name, value]) => `${name}: ${value}`)];
  if (/\s/.test(path) || lines.some((line) => /[^\t\x20-\x7e\x80-\xff]/.test(line)))
    throw new TransferFailure('the request has characters that HTTP does not allow', {
      code: 'ERR_INVALID_CHAR',
    });
  return `${lines.join('\r\n')}\r\n\r\n`;
}
