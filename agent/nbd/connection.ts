import type { Duplex } from 'node:stream';
import { createServer, type TlsOptions } from 'node:tls';
import { asHoldfastError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { BufferPool } from './buffer-pool.ts';
import type { ListExports, NbdExport } from './exports.ts';
import { afterTls, handleOption, startNegotiation, type Negotiation } from './handshake.ts';
import { createHandshakeReader, type HandshakeMessage } from './reader.ts';
import { runTransmission, type Transmission } from './transmission.ts';
import { encodeGreeting } from './wire.ts';

/** A client must wait for the answer to an option before it sends the next; one that does not is cut off here. */
const repliesUnreadMaxBytes = 1024 * 1024;

export interface ConnectionDeps {
  connectionId: number;
  exports: ListExports;
  /** Certificates; with them nothing is served before the client has started TLS. */
  tls: TlsOptions | undefined;
  /** A client that has not chosen an export by then is cut off. */
  handshakeTimeoutMs: number;
  /** Shared by the server's connections. */
  buffers: BufferPool;
  log: Log;
}

export interface Connection {
  readonly connectionId: number;
  /** The export being served; undefined during the handshake. */
  export(): NbdExport | undefined;
  /** Answers what is in flight and ends. */
  drain(): void;
  /** Ends at once; what is in flight still reaches the device, its replies are lost. */
  destroy(): void;
  /** Resolves when the connection is closed and its export's device is not used by it any more. */
  done: Promise<void>;
}

/** Serves one client on a socket that was just accepted. Never throws and never rejects. */
export function serveConnection(accepted: Duplex, deps: ConnectionDeps): Connection {
  const { connectionId } = deps;
  let socket = accepted;
  let reader = createHandshakeReader();
  let negotiation: Negotiation | undefined;
  let chosen: NbdExport | undefined;
  let transmission: Transmission | undefined;
  const done = Promise.withResolvers<void>();

  const violation = (reason: string): void => {
    deps.log('warn', 'nbd.violation', { connectionId, reason });
    socket.destroy();
  };
  const handshakeTimer = setTimeout(() => violation('no export chosen in time'), deps.handshakeTimeoutMs);
  const onData = (chunk: Buffer): void => {
    reader.push(chunk);
    while (!socket.destroyed && !transmission) {
      const message = reader.next();
      if (!message) return;
      try {
        if (!onMessage(message)) return;
      } catch (thrown) {
        return violation(asHoldfastError(thrown).message);
      }
    }
  };
  /** False where nothing more is to be read in this phase. */
  const onMessage = (message: HandshakeMessage): boolean => {
    if (message.kind === 'violation') {
      violation(message.reason);
      return false;
    }
    if (message.kind === 'client-flags') {
      negotiation = startNegotiation(message.flags, deps.tls ? 'required' : 'off');
      if (!negotiation) violation(`unknown client flags 0x${message.flags.toString(16)}`);
      return negotiation !== undefined;
    }
    const outcome = handleOption(negotiation!, message.option, message.data, deps.exports);
    negotiation = outcome.negotiation;
    for (const reply of outcome.replies) socket.write(reply);
    if (socket.writableLength > repliesUnreadMaxBytes) {
      violation('options without waiting for their answers');
      return false;
    }
    if (outcome.next === 'transmit') transmit(outcome.chosen!);
    else if (outcome.next === 'start-tls') startTls();
    else if (outcome.next === 'close') {
      socket.off('data', onData).resume();
      socket.end(() => socket.destroy());
    }
    return outcome.next === 'haggle';
  };
  let faultCount = 0;
  const transmit = (entry: NbdExport): void => {
    clearTimeout(handshakeTimer);
    chosen = entry;
    socket.off('data', onData);
    deps.log('info', 'nbd.connected', {
      connectionId,
      export: entry.name,
      structured: negotiation!.structured,
    });
    const session = {
      device: entry.device,
      structured: negotiation!.structured,
      contexts: negotiation!.contexts,
      buffers: deps.buffers,
    };
    transmission = runTransmission(socket, session, reader.rest(), {
      onViolation: violation,
      onFault: (thrown, request) => {
        // The first, second, fourth, … of a connection: a disk that fails does not fill another one with lines.
        faultCount += 1;
        if (!Number.isInteger(Math.log2(faultCount))) return;
        const { code, message } = asHoldfastError(thrown);
        const { type, offsetBytes, lengthBytes } = request;
        const where = { type, offsetBytes, lengthBytes };
        deps.log('warn', 'nbd.fault', { connectionId, faultCount, code, message, ...where });
      },
    });
    void transmission.done.then(() => {
      deps.log('info', 'nbd.disconnected', { connectionId, export: entry.name });
      done.resolve();
    });
  };
  /** What came in the clear behind STARTTLS is not carried into the encrypted session. */
  const startTls = (): void => {
    if (reader.rest().length > 0) return violation('bytes between STARTTLS and its answer');
    reader = createHandshakeReader(true);
    socket.off('data', onData);
    const plain = socket;
    const server = createServer(deps.tls!);
    server.on('secureConnection', (secure) => {
      socket = secure;
      negotiation = afterTls(negotiation!);
      watch(secure);
    });
    server.on('tlsClientError', (error) => violation(`TLS: ${error.message}`));
    server.emit('connection', plain);
  };
  const watch = (watched: Duplex): void => {
    watched.on('error', (error) =>
      deps.log('debug', 'nbd.socket-error', { connectionId, message: error.message }),
    );
    watched.on('data', onData);
  };

  watch(socket);
  accepted.on('close', () => {
    clearTimeout(handshakeTimer);
    if (!transmission) done.resolve();
  });
  socket.write(encodeGreeting());
  return {
    connectionId,
    export: () => chosen,
    drain: () => (transmission ? transmission.drain() : socket.destroy()),
    destroy: () => socket.destroy(),
    done: done.promise,
  };
}
