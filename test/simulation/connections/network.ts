import type { DialedSocket, DialEvents } from '../../../agent/connection/dialer.ts';
import type { Connections, PostResult } from '../../../lambda/aws/connections.ts';
import type { Run, Runs } from './runs.ts';
import type { Scheduler } from './scheduler.ts';
import type { Tally } from './tally.ts';

/** A WebSocket between an agent and a cell, as each end sees it. */
export interface Connection {
  readonly id: string;
  readonly gatewayId: string;
  readonly cellId: string;
  readonly epoch: number;
  readonly openedAt: number;
  readonly events: AgentEnd;
  agentOpen: boolean;
  serverOpen: boolean;
  /** The cable is pulled: nothing passes, and neither end is told. */
  isCut: boolean;
  /** A post to it was answered 410: the cloud takes it for closed. */
  saidGone: boolean;
}

/** The agent's end of a dial; `frame` says which run posted it. */
export type AgentEnd = Omit<DialEvents, 'opened' | 'frame'> & {
  opened(connection: Connection): void;
  frame(text: string, connection: Connection, postedBy: Run): void;
  /** API Gateway's own word for a frame that no function came to the end of. */
  notHandled(text: string): void;
};

/** What the cells do with what the network brings them. */
export interface CloudEnd {
  /** The epoch of the connection that this token opens; undefined: denied. */
  authorize(dial: Dial, answered: (epoch: number | undefined) => void, failed: () => void): void;
  /** `$connect`. */
  connected(connection: Connection): void;
  /** Any other route. */
  frame(connection: Connection, text: string): void;
  /** `$disconnect`. */
  disconnected(connection: Connection): void;
}

export interface Dial {
  gatewayId: string;
  cellId: string;
  token: string;
}

const lifetimeMs = 2 * 3600_000;
const idleMs = 10 * 60_000;
const reorderMs = 20_000;

/** API Gateway and the internet: frames take time, come twice, overtake each other; connections end in every way. */
export class Network {
  readonly #scheduler: Scheduler;
  readonly #runs: Runs;
  readonly #tally: Tally;
  readonly #latencyMs: number;
  #cloud: CloudEnd | undefined;
  readonly #connections = new Map<string, Connection>();

  constructor(parts: { scheduler: Scheduler; runs: Runs; tally: Tally; latencyMs: number }) {
    this.#scheduler = parts.scheduler;
    this.#runs = parts.runs;
    this.#tally = parts.tally;
    this.#latencyMs = parts.latencyMs;
  }

  /** Whoever watches for gateways to come back. */
  opened: (connection: Connection) => void = () => undefined;

  set cloud(cloud: CloudEnd) {
    this.#cloud = cloud;
  }

  get #end(): CloudEnd {
    if (!this.#cloud) throw new Error('the network has no cloud');
    return this.#cloud;
  }

  connection(id: string): Connection | undefined {
    return this.#connections.get(id);
  }
  get open(): Connection[] {
    return [...this.#connections.values()].filter(({ agentOpen, isCut }) => agentOpen && !isCut);
  }

  // The agent's end.

  dial(dial: Dial, events: AgentEnd): DialedSocket {
    let connection: Connection | undefined;
    let isClosed = false;
    const tell = (what: () => void) => this.#later('', () => isClosed || what());
    const refuse = (status: number) =>
      tell(() => events.refused(status, Math.floor(this.#scheduler.nowMs / 1000) * 1000));
    this.#later(`${dial.gatewayId} dials ${dial.cellId}`, () => {
      if (isClosed) return;
      if (this.#scheduler.chance(this.#runs.faults.throttledDial)) return refuse(429);
      const opened = (epoch: number | undefined): void => {
        if (epoch === undefined) return refuse(403);
        const opened = (connection = this.#open(dial, epoch, events));
        if (isClosed) this.agentGone(opened);
        else tell(() => opened.agentOpen && events.opened(opened));
      };
      this.#end.authorize(dial, opened, () => refuse(500));
    });
    return {
      send: (text) => connection && this.#up(connection, text),
      ping: () => {
        if (!connection?.isCut)
          this.#later(
            '',
            () => connection?.isCut || isClosed || this.#later('', () => isClosed || events.pong()),
          );
      },
      close: () => {
        isClosed = true;
        if (connection) this.agentGone(connection);
      },
    };
  }

  #open(dial: Dial, epoch: number, events: AgentEnd): Connection {
    const connection: Connection = {
      id: `c${++this.#tally.connections}`,
      gatewayId: dial.gatewayId,
      cellId: dial.cellId,
      epoch,
      openedAt: this.#scheduler.nowMs,
      events,
      agentOpen: true,
      serverOpen: true,
      isCut: false,
      saidGone: false,
    };
    this.#connections.set(connection.id, connection);
    this.#end.connected(connection);
    this.opened(connection);
    this.#scheduler.after(lifetimeMs, '', () => this.#serverGone(connection));
    return connection;
  }

  #up(connection: Connection, text: string): void {
    if (!connection.agentOpen || connection.isCut) return;
    this.#tally.frames++;
    if (this.#scheduler.chance(this.#runs.faults.lostFrame)) return;
    this.#repeat(() => {
      if (!connection.serverOpen || connection.isCut) return;
      if (!this.#scheduler.chance(this.#runs.faults.throttledFrame)) return this.#end.frame(connection, text);
      this.#tally.throttled++;
      this.notHandled(connection);
    });
  }

  /** The function of a frame was throttled, failed or died. */
  notHandled(connection: Connection): void {
    if (!connection.serverOpen) return;
    const said = { message: 'Internal server error', connectionId: connection.id, requestId: 'r' };
    this.#later('', () => {
      if (connection.agentOpen && !connection.isCut) connection.events.notHandled(JSON.stringify(said));
    });
  }

  /** Closed by its agent, or by the end of the agent's process. */
  agentGone(connection: Connection): void {
    if (!connection.agentOpen) return;
    connection.agentOpen = false;
    const delayMs = connection.isCut
      ? this.#scheduler.between(0, idleMs)
      : this.#scheduler.spread(this.#latencyMs);
    this.#scheduler.after(delayMs, '', () => this.#serverGone(connection));
  }

  /** The cable is pulled, for good as far as this connection goes. */
  cut(connection: Connection): void {
    if (connection.isCut) return;
    connection.isCut = true;
    this.#tally.cutCables++;
    this.#scheduler.note(`${connection.id} is cut`);
    if (this.#scheduler.chance(0.5))
      this.#scheduler.after(this.#scheduler.between(0, 5_000), '', () => this.#tellClosed(connection, 'cut'));
    this.#scheduler.after(this.#scheduler.between(0, idleMs), '', () => this.#serverGone(connection));
  }

  /** The host lost its power: the server is told nothing. */
  powerLost(connection: Connection): void {
    connection.isCut = true;
    this.agentGone(connection);
  }

  #tellClosed(connection: Connection, reason: string): void {
    if (!connection.agentOpen) return;
    connection.agentOpen = false;
    connection.events.closed(reason);
  }

  // The server's end.

  #serverGone(connection: Connection): void {
    if (!connection.serverOpen) return;
    connection.serverOpen = false;
    if (!connection.isCut) this.#later('', () => this.#tellClosed(connection, 'closed by the server'));
    const { faults } = this.#runs;
    if (this.#scheduler.chance(faults.lostDisconnect)) {
      this.#tally.lostDisconnects++;
      return;
    }
    const times = this.#scheduler.chance(faults.doubleDisconnect) ? 2 : 1;
    for (let i = 0; i < times; i++) {
      const lateMs = this.#scheduler.chance(faults.reorder) ? this.#scheduler.between(0, 120_000) : 0;
      this.#scheduler.after(this.#scheduler.spread(1_000) + lateMs, '', () =>
        this.#end.disconnected(connection),
      );
    }
  }

  /** The @connections API of a cell, for one run of a function. */
  connections(cellId: string, run: Run): Connections {
    return {
      post: (connectionId, frame) => Promise.resolve(this.#post(cellId, connectionId, frame, run)),
      close: (connectionId) => {
        const connection = this.#connections.get(connectionId);
        if (connection) this.#serverGone(connection);
        return Promise.resolve();
      },
    };
  }

  #post(cellId: string, connectionId: string, frame: string, run: Run): PostResult {
    const connection = this.#connections.get(connectionId);
    if (!connection?.serverOpen || connection.cellId !== cellId) {
      if (connection) connection.saidGone = true;
      return 'gone';
    }
    const { faults } = this.#runs;
    const isThrottled = this.#scheduler.chance(faults.throttledPost);
    const arrives = !isThrottled || this.#scheduler.chance(0.5);
    if (isThrottled) this.#tally.throttled++;
    if (arrives) this.#down(connection, frame, run);
    if (isThrottled) return 'unknown';
    if (!this.#scheduler.chance(faults.goneAfterDelivery)) return 'sent';
    this.#tally.goneAfterDelivery++;
    connection.saidGone = true;
    return 'gone';
  }

  #down(connection: Connection, frame: string, run: Run): void {
    this.#tally.frames++;
    this.#repeat(() => {
      if (!connection.agentOpen || connection.isCut) return;
      this.#scheduler.note(`${connection.id} gets ${frame.slice(7, 40)}`);
      connection.events.frame(frame, connection, run);
    });
  }

  /** Once, mostly; now and then twice, or later than what follows. */
  #repeat(arrive: () => void): void {
    const { faults } = this.#runs;
    const isDouble = this.#scheduler.chance(faults.duplicate);
    if (isDouble) this.#tally.duplicates++;
    for (let copy = isDouble ? 2 : 1; copy > 0; copy--) {
      const isLate = this.#scheduler.chance(faults.reorder);
      if (isLate) this.#tally.reordered++;
      const lateMs = isLate ? this.#scheduler.between(0, reorderMs) : 0;
      this.#scheduler.after(this.#scheduler.spread(this.#latencyMs) + lateMs, '', arrive);
    }
  }

  #later(label: string, run: () => void): void {
    this.#scheduler.after(this.#scheduler.spread(this.#latencyMs), label, run);
  }
}
