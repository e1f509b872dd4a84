import {
  parseDownstream,
  parseNotHandled,
  type FrameProblem,
  type UpstreamType,
} from '../../core/messages.ts';
import { complaintsMax } from './frame-allowance.ts';
import type { DialedSocket } from './dialer.ts';
import { nextLink } from './link-machine.ts';
import type { LinkDeps, LinkHandlers, LinkView, UpstreamBody } from './link-ports.ts';
import {
  initialLink,
  nextWakeAt,
  type LinkEffect,
  type LinkEvent,
  type LinkMemory,
  type LinkState,
  type LinkTimes,
  type NextKey,
} from './link-state.ts';
import { OpenSocket } from './open-socket.ts';
import { PingRecord } from './ping-record.ts';

/** Replaced connections that may finish what they were sent; an older one is cut. */
const closingMax = 2;

/** Keeps one connection to the control plane: feeds the pure machine and does what it says. */
export class Link {
  private state: LinkState;
  private readonly deps: LinkDeps;
  private readonly cells: readonly { cellId: string; webSocketUrl: string }[];
  private readonly handlers: LinkHandlers;
  private readonly sockets = new Map<number, OpenSocket>();
  /** The last that were closed, oldest first. */
  private readonly closing: DialedSocket[] = [];
  private cancelTimer: (() => void) | undefined;
  private connects = 0;
  private losses = 0;
  private lastEpoch: number | undefined;
  private readonly pings = new PingRecord();
  private certificateAt: number | undefined;
  /** Events that arrive while one is being handled wait, so that effects happen in order. */
  private readonly waiting: LinkEvent[] = [];
  private handling = false;

  constructor(
    memory: LinkMemory,
    cells: readonly { cellId: string; webSocketUrl: string }[],
    handlers: LinkHandlers,
    deps: LinkDeps,
    times?: LinkTimes,
  ) {
    this.cells = cells;
    this.handlers = handlers;
    this.deps = deps;
    this.state = initialLink(
      memory,
      cells.map((cell) => cell.cellId),
      times,
    );
  }

  start(): void {
    this.handle({ type: 'start' });
  }

  /** Says goodbye and closes; nothing is dialed any more. */
  stop(): void {
    for (const socket of this.closing.splice(0)) socket.close('stopping', 0);
    this.handle({ type: 'stop' });
    this.cancelTimer?.();
  }

  /** Whether the connection in use answers pings, so that silence shows within a minute; a young one may yet. */
  get isPingAnswered(): boolean {
    const { live, times } = this.state;
    if (!live) return false;
    return live.answersPings || this.deps.now() - live.since < times.pingEveryMs + times.pongWithinMs;
  }

  /** What became of the key that is to follow the one in use. */
  setNextKey(nextKey: NextKey): void {
    this.handle({ type: 'key', nextKey });
  }

  view(): LinkView {
    const { live, clockOffsetMs, trouble, retryAt } = this.state;
    return {
      connected: live !== undefined,
      cellId: live && this.cells[live.cellIndex]?.cellId,
      epoch: live?.epoch,
      connects: this.connects,
      losses: this.losses,
      rttMs: this.pings.rttMs,
      pingLoss: this.pings.loss,
      certificateAt: this.certificateAt,
      clockOffsetMs,
      ...(trouble === undefined ? {} : { trouble }),
      ...(retryAt === undefined ? {} : { retryInMs: Math.max(0, Math.round(retryAt - this.deps.now())) }),
    };
  }

  /** Server's clock, as far as it is known; Unix ms. */
  serverTime = (): number => this.deps.unixMs() + this.state.clockOffsetMs;

  /** Sends over the connection in use; false without one. Throws TOO_LARGE. */
  send<T extends UpstreamType>(type: T, body: UpstreamBody<T>): boolean {
    const { live } = this.state;
    if (!live || live.outdated) return false;
    return this.sendOn(live.dialId, type, body);
  }

  private sendOn<T extends UpstreamType>(dialId: number, type: T, body: UpstreamBody<T>): boolean {
    return this.sockets.get(dialId)?.send(type, body, this.deps.unixMs()) ?? false;
  }

  private handle(what: DistributiveOmit<LinkEvent, 'now' | 'unixMs' | 'random'>): void {
    const { now, unixMs, random } = this.deps;
    this.waiting.push({ ...what, now: now(), unixMs: unixMs(), random: random() } as LinkEvent);
    if (this.handling) return;
    this.handling = true;
    try {
      for (let event = this.waiting.shift(); event; event = this.waiting.shift()) {
        const { state, effects } = nextLink(this.state, event);
        this.state = state;
        for (const effect of effects) this.perform(effect);
      }
    } finally {
      this.handling = false;
    }
    this.schedule();
  }

  private schedule(): void {
    this.cancelTimer?.();
    const at = nextWakeAt(this.state);
    this.cancelTimer =
      at === undefined
        ? undefined
        : this.deps.setTimer(() => this.handle({ type: 'tick' }), Math.max(0, at - this.deps.now()));
  }

  private perform(effect: LinkEffect): void {
    switch (effect.do) {
      case 'dial':
        return void this.dial(effect);
      case 'hello':
        this.sendOn(effect.dialId, 'hello', { ...this.deps.hello(), sentAt: this.deps.unixMs() });
        return;
      case 'ping': {
        const open = this.sockets.get(effect.dialId);
        if (open) open.pingedAt = this.deps.now();
        return open?.socket?.ping();
      }
      case 'ping-lost':
        return this.pings.add(undefined);
      case 'probe.ok':
        this.sendOn(effect.dialId, 'probe.ok', { probeId: effect.probeId });
        return;
      case 'bye':
        this.sendOn(effect.dialId, 'bye', { reason: effect.reason });
        return;
      case 'close': {
        const open = this.sockets.get(effect.dialId);
        this.sockets.delete(effect.dialId);
        if (!open) return;
        open.closed = true;
        open.socket?.close(effect.reason, effect.graceMs);
        return this.cutOldest(open.socket);
      }
      case 'remember':
        return void this.deps.remember(effect.memory).catch((cause: unknown) => {
          // The clock still moves the next dial's number up: only a wrong clock would need the memory.
          this.deps.log('error', 'link.remember-failed', { error: String(cause) });
        });
      case 'key.welcomed':
        return this.handlers.keyWelcomed?.();
      case 'up':
        return this.up(effect);
      case 'down':
        this.losses++;
        this.deps.log('warn', 'link.down', { reason: effect.reason });
        return this.handlers.down(effect.reason);
      case 'taken-over':
        return this.handlers.takenOver?.();
      case 'deliver':
        return this.handlers.message(effect.message);
      case 'say-again':
        return this.handlers.sayAgain?.();
      case 'log':
        return this.deps.log(effect.level, effect.event, effect.fields);
    }
  }

  private up(effect: Extract<LinkEffect, { do: 'up' }>): void {
    const { dialId, cellId, epoch } = effect;
    const open = this.sockets.get(dialId);
    if (!open || ++open.welcomes > complaintsMax + 1) return;
    if (open.welcomes === complaintsMax + 1) return this.noMore('link.up');
    if (epoch !== this.lastEpoch) this.connects++;
    this.lastEpoch = epoch;
    this.deps.log('info', 'link.up', { cellId, epoch });
    this.handlers.up(effect);
  }

  /** Said once a connection: a server must not fill this host's disk with log. */
  private noMore(event: string): void {
    this.deps.log('warn', 'link.too-many', { event, reason: 'more of this connection are passed over' });
  }

  /** However fast connections replace each other, few are open. */
  private cutOldest(closed: DialedSocket | undefined): void {
    if (!closed) return;
    this.closing.push(closed);
    if (this.closing.length > closingMax) this.closing.shift()?.close('too many connections', 0);
  }

  private async dial(effect: Extract<LinkEffect, { do: 'dial' }>): Promise<void> {
    const { dialId, seq, issuedAt, key } = effect;
    const cell = this.cells[effect.cellIndex];
    if (!cell) throw new Error(`no cell ${effect.cellIndex}`);
    const open = new OpenSocket(seq, this.deps.now());
    this.sockets.set(dialId, open);
    const gone = () => this.sockets.delete(dialId);
    try {
      const token = await this.deps.signToken({ cellId: cell.cellId, seq, issuedAt, key });
      if (open.closed) return;
      open.socket = this.deps.dial(cell.webSocketUrl, token, {
        opened: () => this.handle({ type: 'opened', dialId }),
        refused: (status, serverTime) => {
          gone();
          this.handle({ type: 'refused', dialId, status, serverTime });
        },
        closed: (reason) => {
          gone();
          this.handle({ type: 'closed', dialId, reason });
        },
        frame: (text) => this.received(dialId, open, text),
        certificate: (endsAt) => (this.certificateAt = endsAt),
        pong: () => {
          if (open.pingedAt !== undefined) this.pings.add(this.deps.now() - open.pingedAt);
          open.pingedAt = undefined;
          this.handle({ type: 'pong', dialId });
        },
      });
    } catch (cause) {
      gone();
      this.handle({ type: 'closed', dialId, reason: String(cause) });
    }
  }

  private received(dialId: number, open: OpenSocket, text: string | undefined): void {
    if (open.closed) return;
    if (!open.allowance.take(this.deps.now())) {
      open.closed = true;
      return this.handle({ type: 'closed', dialId, reason: 'the server floods this agent' });
    }
    const parsed = text === undefined ? { ok: false as const, problem: notText } : parseDownstream(text);
    if (parsed.ok) return this.handle({ type: 'frame', dialId, message: parsed.message });
    const notHandled = text === undefined ? undefined : parseNotHandled(text);
    if (notHandled) {
      const { message: reason, requestId } = notHandled;
      this.deps.log('debug', 'link.not-handled', { reason, requestId });
      return this.handle({ type: 'not-handled', dialId });
    }
    const { code, message, messageId } = parsed.problem;
    if (++open.rejects > complaintsMax) {
      if (open.rejects === complaintsMax + 1) this.noMore('link.frame-rejected');
      return;
    }
    this.deps.log('warn', 'link.frame-rejected', { code, message });
    this.sendOn(dialId, 'reject', { code, message, messageId });
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

const notText: FrameProblem = {
  code: 'NOT_JSON',
  message: 'a binary frame: messages are text',
  messageId: undefined,
};
