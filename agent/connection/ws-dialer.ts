import type { Agent } from 'node:http';
import { WebSocket } from 'ws';
import { chainEndsAt } from './chain-end.ts';
import type { Dialer } from './dialer.ts';

const handshakeMs = 20_000;
const frameBytesMax = 128 * 1024;
/** A peer that takes nothing for so long that this much waits is as good as gone. */
const bufferedBytesMax = 4 * 1024 * 1024;
const closeReasonBytesMax = 120;

/** Dials over the network; `agent` carries the proxy. */
export function wsDialer(agent: Agent | undefined): Dialer {
  return (url, token, events) => {
    const socket = new WebSocket(url, {
      agent,
      headers: { authorization: `Bearer ${token}` },
      handshakeTimeout: handshakeMs,
      maxPayload: frameBytesMax,
      perMessageDeflate: false,
      followRedirects: false,
    });
    let ended = false;
    let failure: string | undefined;
    const end = (report: () => void) => {
      if (ended) return;
      ended = true;
      report();
    };
    socket.on('upgrade', (response) => {
      const endsAt = chainEndsAt(response.socket);
      if (endsAt !== undefined) events.certificate?.(endsAt);
    });
    socket.on('open', () => events.opened());
    socket.on('unexpected-response', (request, response) => {
      const serverTime = Date.parse(response.headers.date ?? '');
      end(() => events.refused(response.statusCode ?? 0, Number.isNaN(serverTime) ? undefined : serverTime));
      response.resume();
      request.destroy();
    });
    socket.on('message', (data, isBinary) => events.frame(isBinary ? undefined : String(data)));
    socket.on('pong', () => events.pong());
    socket.on('error', (error) => (failure = error.message || error.name));
    socket.on('close', (code, reason) =>
      end(() => events.closed(failure ?? `closed with ${code}${reason.length ? ` ${String(reason)}` : ''}`)),
    );
    return {
      send(text) {
        if (socket.readyState !== WebSocket.OPEN) return;
        if (socket.bufferedAmount > bufferedBytesMax) socket.terminate();
        else socket.send(text);
      },
      ping() {
        if (socket.readyState === WebSocket.OPEN) socket.ping();
      },
      close(reason, graceMs) {
        ended = true;
        if (socket.readyState === WebSocket.CONNECTING) return socket.terminate();
        if (socket.readyState === WebSocket.CLOSED) return;
        socket.close(1000, Buffer.from(reason).subarray(0, closeReasonBytesMax).toString());
        const cut = setTimeout(() => socket.terminate(), graceMs);
        socket.once('close', () => clearTimeout(cut));
      },
    };
  };
}
