import type { WebSocket } from 'ws';
import type { WebSocketLimits } from './websocket-limits.ts';

/** What `$connect` learnt and later events repeat. */
export interface ConnectionInfo {
  readonly id: string;
  readonly connectedAt: Date;
  readonly sourceIp: string;
  readonly userAgent: string;
  readonly host: string;
  /** Authorizer's principal and context. */
  readonly authorizer?: Record<string, unknown>;
}

/** One open WebSocket with API Gateway's clocks: idle without messages, and a longest life. */
export class Connection {
  readonly info: ConnectionInfo;
  readonly #socket: WebSocket;
  readonly #limits: WebSocketLimits;
  readonly #life: NodeJS.Timeout;
  #idle: NodeJS.Timeout;
  #lastActiveAt: Date;
  readonly #now: () => Date;

  constructor(info: ConnectionInfo, socket: WebSocket, limits: WebSocketLimits, now: () => Date) {
    this.info = info;
    this.#socket = socket;
    this.#limits = limits;
    this.#now = now;
    this.#lastActiveAt = info.connectedAt;
    this.#life = setTimeout(() => this.close(1001, 'Going away'), limits.lifeMs);
    this.#idle = this.#startIdle();
    socket.once('close', () => {
      clearTimeout(this.#life);
      clearTimeout(this.#idle);
    });
  }

  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  get lastActiveAt(): Date {
    return this.#lastActiveAt;
  }

  /** A message went up or down. Ping frames do not count. */
  touch(): void {
    this.#lastActiveAt = this.#now();
    clearTimeout(this.#idle);
    this.#idle = this.#startIdle();
  }

  /** Sends one message, in frames of at most the gateway's size. Resolves when it was handed to the kernel. */
  async send(message: Buffer): Promise<void> {
    this.touch();
    const { frameBytes } = this.#limits;
    for (let offset = 0; offset === 0 || offset < message.length; offset += frameBytes) {
      const frame = message.subarray(offset, offset + frameBytes);
      const fin = offset + frameBytes >= message.length;
      await new Promise<void>((resolve, reject) => {
        this.#socket.send(frame, { binary: false, fin }, (error) => (error ? reject(error) : resolve()));
      });
    }
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  terminate(): void {
    this.#socket.terminate();
  }

  #startIdle(): NodeJS.Timeout {
    return setTimeout(() => this.close(1001, 'Going away'), this.#limits.idleMs);
  }
}
