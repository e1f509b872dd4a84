/** What happened to a dialed socket. After `refused` or `closed` nothing follows. */
export interface DialEvents {
  opened(): void;
  /** The server answered without a WebSocket; `serverTime` is its Date header in Unix ms. */
  refused(status: number, serverTime: number | undefined): void;
  closed(reason: string): void;
  /** A text frame; a binary one arrives as undefined. */
  frame(text: string | undefined): void;
  pong(): void;
  /** Before `opened`, with TLS: when the first certificate of the other side's chain ends, Unix ms. */
  certificate?(endsAt: number): void;
}

export interface DialedSocket {
  send(text: string): void;
  ping(): void;
  /** Sends what is buffered, then closes; cut after `graceMs`. */
  close(reason: string, graceMs: number): void;
}

/** Opens a WebSocket with a bearer token. The network itself, or a simulated one. */
export type Dialer = (url: string, token: string, events: DialEvents) => DialedSocket;
