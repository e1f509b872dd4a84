import { createPublicKey, randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { jwtVerify } from 'jose';
import { WebSocketServer, type WebSocket } from 'ws';
import {
  parseUpstream,
  type Downstream,
  type DownstreamType,
  type Upstream,
  type UpstreamType,
} from '../../core/messages.ts';

type Body<T extends DownstreamType> = Extract<Downstream, { t: T }>['body'];
export type Up<T extends UpstreamType> = Extract<Upstream, { t: T }>;

/** One accepted connection, with every frame that came over it. */
export interface Held {
  socket: WebSocket;
  epoch: number;
  frames: Upstream[];
  closed: Promise<void>;
}

/**
 * A control server of one cell over real sockets: verifies dial tokens, burns their numbers, welcomes. What it
 * sends besides is up to the test.
 */
export class FakeCell {
  readonly cellId: string;
  readonly held: Held[] = [];
  /** Tokens' numbers that were refused or burned, in order. */
  readonly dialed: { seq: number; status: number }[] = [];
  /** Added to this machine's clock. */
  clockOffsetMs = 0;
  /** Refuse every dial with this status. */
  refuseWith: number | undefined;
  welcome: Partial<Body<'welcome'>> = {};
  /** False: a hello is not answered. */
  welcomes = true;
  /** Acknowledge each status. */
  acksStatus = true;
  publicKey: string;
  private burned = 0;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private readonly waiters = new Set<() => void>();

  constructor(cellId: string, publicKey: string, tls?: { key: string; cert: string }) {
    this.cellId = cellId;
    this.publicKey = publicKey;
    this.server = tls ? createTlsServer(tls) : createServer();
    const webSockets = new WebSocketServer({ noServer: true, autoPong: true });
    this.server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
    this.server.on('upgrade', (request, socket, head) => {
      void this.admit(request.headers.authorization ?? '').then(({ status, seq }) => {
        this.dialed.push({ seq, status });
        this.changed();
        if (status !== 101) {
          const date = new Date(this.now()).toUTCString();
          socket.end(`HTTP/1.1 ${status} Refused\r\nDate: ${date}\r\nContent-Length: 0\r\n\r\n`);
        } else webSockets.handleUpgrade(request, socket, head, (ws) => this.hold(ws, seq));
      });
    });
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
  }
  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }
  get url(): string {
    return `ws://127.0.0.1:${this.port}/live`;
  }
  now = (): number => Date.now() + this.clockOffsetMs;

  /** The newest connection. */
  get newest(): Held {
    const held = this.held.at(-1);
    if (!held) throw new Error('nobody is connected');
    return held;
  }

  send<T extends DownstreamType>(t: T, body: Body<T>, to: Held = this.newest, epoch = to.epoch): void {
    this.sendRaw(JSON.stringify({ v: 1, t, id: randomUUID(), epoch, seq: 1, ts: this.now(), body }), to);
  }
  sendRaw(text: string | Buffer, to: Held = this.newest): void {
    to.socket.send(text, { binary: typeof text !== 'string' });
  }

  /** Every frame of a type, over all connections, in order of arrival per connection. */
  frames<T extends UpstreamType>(type: T): Up<T>[] {
    return this.held.flatMap((held) => held.frames).filter((frame): frame is Up<T> => frame.t === type);
  }

  /** Resolves when the condition holds; it is asked at each frame, dial and close. */
  async until<R>(condition: () => R | undefined | false, what: string, limitMs = 15_000): Promise<R> {
    const end = Date.now() + limitMs;
    for (;;) {
      const result = condition();
      if (result !== undefined && result !== false) return result;
      const left = end - Date.now();
      if (left <= 0) throw new Error(`waited ${limitMs} ms in vain for ${what}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(left, 20));
        const waiter = () => {
          clearTimeout(timer);
          this.waiters.delete(waiter);
          resolve();
        };
        this.waiters.add(waiter);
      });
    }
  }
  /** The first frame of a type that the condition holds for. */
  untilFrame<T extends UpstreamType>(
    type: T,
    matches: (frame: Up<T>) => boolean = () => true,
  ): Promise<Up<T>> {
    return this.until(() => this.frames(type).find(matches), `a ${type} frame`);
  }

  /** Cuts every connection without a goodbye. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }
  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async admit(authorization: string): Promise<{ status: number; seq: number }> {
    try {
      const key = createPublicKey({
        key: { kty: 'OKP', crv: 'Ed25519', x: this.publicKey },
        format: 'jwk',
      });
      const token = authorization.replace(/^Bearer /, '');
      const unverified = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
        seq: number;
      };
      const refuse = (status: number) => ({ status, seq: unverified.seq });
      if (this.refuseWith !== undefined) return refuse(this.refuseWith);
      const { payload } = await jwtVerify(token, key, {
        algorithms: ['EdDSA'],
        audience: this.cellId,
        currentDate: new Date(this.now()),
        clockTolerance: 300,
        maxTokenAge: 300,
        requiredClaims: ['iss', 'aud', 'iat', 'exp', 'jti', 'seq', 'gen'],
      }).catch(() => ({ payload: undefined }));
      if (!payload || payload.exp! - payload.iat! > 60 || unverified.seq <= this.burned) return refuse(401);
      this.burned = unverified.seq;
      return { status: 101, seq: unverified.seq };
    } catch {
      return { status: 400, seq: 0 };
    }
  }

  private hold(socket: WebSocket, epoch: number): void {
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    const held: Held = { socket, epoch, frames: [], closed };
    this.held.push(held);
    void closed.then(() => this.changed());
    socket.on('error', () => undefined);
    socket.on('message', (data) => {
      const parsed = parseUpstream(String(data));
      if (!parsed.ok) throw new Error(`the agent sent: ${parsed.problem.message}`);
      held.frames.push(parsed.message);
      this.answer(held, parsed.message);
      this.changed();
    });
  }

  private answer(held: Held, message: Upstream): void {
    if (message.t === 'hello' && this.welcomes)
      this.send(
        'welcome',
        {
          gatewayId: 'g1',
          heartbeatIntervalMs: 60_000,
          reconnectWindowMs: 0,
          serverTime: this.now(),
          ...this.welcome,
        },
        held,
      );
    if (message.t === 'inventory') this.send('inventory.ack', { hash: message.body.inventory.hash }, held);
    if (message.t === 'status' && this.acksStatus) {
      const { bootId, seq } = message.body.heartbeat;
      this.send('status.ack', { bootId, seq, receivedAt: this.now() }, held);
    }
  }

  private changed(): void {
    for (const waiter of [...this.waiters]) waiter();
  }
}
