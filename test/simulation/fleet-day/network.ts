import type { PostResult } from '../../../lambda/aws/connections.ts';
import type { DialContext } from '../../../lambda/connections/authorize.ts';
import type { Socket } from '../../../lambda/connections/socket.ts';
import type { Dialer, DialEvents } from '../../../agent/connection/dialer.ts';
import type { UpstreamType } from '../../../core/messages.ts';
import type { Cloud } from './cloud.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** What API Gateway does to connections; see docs/local.md for the same facts in the local mode. */
export const apiGateway = {
  lifetimeMs: 2 * 3_600_000,
  idleMs: 10 * 60_000,
  /** New connections of the account and region, all cells together. */
  connectsPerSecMax: 500,
  /** Frames are billed in such units. */
  messageUnitBytes: 32 * 1_024,
} as const;

/** One way, in ms; a dial takes three of them before the request is there. */
const latencyMs = { from: 10, to: 60 } as const;

export interface NetworkFaults {
  /** Chance that a dial fails on its way. */
  dialFailure: number;
  /** Chance that `$disconnect` never runs. */
  lostDisconnect: number;
}

interface Connection {
  id: string;
  cellId: string;
  socket: Socket;
  events: DialEvents;
  heardAt: number;
  isOpen: boolean;
  /** Both ends believe in it, and nothing arrives. */
  isSevered: boolean;
}

/** Dials by second: what was tried, and what came to be a connection. */
export class DialCounts {
  readonly #tried = new Map<number, number>();
  readonly #opened = new Map<number, number>();

  tried(at: number): void {
    count(this.#tried, at);
  }
  /** False where the account's limit of this second is used up. */
  open(at: number): boolean {
    const used = this.#opened.get(secondOf(at)) ?? 0;
    if (used >= apiGateway.connectsPerSecMax) return false;
    count(this.#opened, at);
    return true;
  }
  most(which: 'tried' | 'opened', from = 0, to = Infinity): number {
    const counts = which === 'tried' ? this.#tried : this.#opened;
    let most = 0;
    for (const [second, n] of counts)
      if (second >= from / 1_000 && second <= to / 1_000) most = Math.max(most, n);
    return most;
  }
}
const secondOf = (at: number): number => Math.floor(at / 1_000);
const count = (counts: Map<number, number>, at: number): void =>
  void counts.set(secondOf(at), (counts.get(secondOf(at)) ?? 0) + 1);

/** The internet and API Gateway between the agents and the cells. */
export class Network {
  readonly dials = new DialCounts();
  readonly figures = {
    throttledDials: 0,
    refusedDials: 0,
    endedByAge: 0,
    endedByIdleness: 0,
    plannedCloses: 0,
    outages: 0,
  };
  readonly violations: string[] = [];
  /** Cells that refuse every dial. */
  readonly downCells = new Set<string>();
  readonly connections = new Map<string, Connection>();
  readonly #clock: VirtualClock;
  readonly #cloud: Cloud;
  readonly #random: () => number;
  readonly #faults: NetworkFaults;
  #ids = 0;
  #countedAt = 0;

  constructor(clock: VirtualClock, cloud: Cloud, random: () => number, faults: NetworkFaults) {
    this.#clock = clock;
    this.#cloud = cloud;
    this.#random = random;
    this.#faults = faults;
  }

  /** The agent's end of the network, to the cell whose id is the URL's host. */
  dialer(gatewayId: string): Dialer {
    return (url, token, events) => {
      const cellId = new URL(url).hostname;
      let connection: Connection | undefined;
      let isGivenUp = false;
      const quietly: DialEvents = {
        opened: () => isGivenUp || events.opened(),
        refused: (status, serverTime) => isGivenUp || events.refused(status, serverTime),
        closed: (reason) => isGivenUp || events.closed(reason),
        frame: (text) => isGivenUp || events.frame(text),
        pong: () => isGivenUp || events.pong(),
      };
      void this.#open(cellId, gatewayId, token, quietly).then((opened) => {
        connection = opened;
        if (opened && isGivenUp) this.#end(opened, 'client');
      });
      return {
        send: (text) => connection && this.#toCloud(connection, text),
        ping: () => connection && this.#pong(connection),
        close: (reason) => {
          isGivenUp = true;
          if (!connection) return;
          if (reason.startsWith('replaced')) this.figures.plannedCloses++;
          this.#end(connection, reason.startsWith('replaced') ? 'planned' : 'client');
        },
      };
    };
  }

  post = (cellId: string, connectionId: string, frame: string): PostResult => {
    const connection = this.connections.get(connectionId);
    if (!connection?.isOpen || connection.cellId !== cellId) return 'gone';
    connection.heardAt = this.#clock.now;
    if (!connection.isSevered)
      this.#clock.set(() => connection.isOpen && connection.events.frame(frame), this.#latency());
    return 'sent';
  };

  /** Adds the time since the last call for all connections that were open since then. */
  countMinutes(): void {
    const minutes = (this.#clock.now - this.#countedAt) / 60_000;
    this.#cloud.meter.add('connections', 'connectionMinutes', this.connections.size * minutes);
    this.#countedAt = this.#clock.now;
  }

  /** Every connection of the cell ends, as when its servers go away. */
  cut(cellId: string): number {
    let cutCount = 0;
    for (const connection of [...this.connections.values()]) {
      if (connection.cellId !== cellId || !connection.isOpen) continue;
      cutCount++;
      this.#end(connection, 'server');
    }
    return cutCount;
  }

  /** The path of every connection breaks, and neither end is told. */
  sever(cellId: string): number {
    let count = 0;
    for (const connection of this.connections.values())
      if (connection.cellId === cellId && connection.isOpen) {
        connection.isSevered = true;
        count++;
      }
    return count;
  }

  async #open(
    cellId: string,
    gatewayId: string,
    token: string,
    events: DialEvents,
  ): Promise<Connection | undefined> {
    await this.#clock.wait(3 * this.#latency());
    const refuse = (status: number) => {
      this.figures.refusedDials++;
      this.#clock.set(
        () => events.refused(status, Math.floor(this.#clock.now / 1_000) * 1_000),
        this.#latency(),
      );
      return undefined;
    };
    if (this.#random() < this.#faults.dialFailure) {
      this.#clock.set(() => events.closed('ECONNRESET'), this.#latency());
      return undefined;
    }
    if (this.downCells.has(cellId)) return refuse(503);
    this.dials.tried(this.#clock.now);
    if (!this.dials.open(this.#clock.now)) {
      this.figures.throttledDials++;
      return refuse(429);
    }
    const context = await this.#cloud.connect(cellId, token);
    if (typeof context === 'number') return refuse(context);
    return this.#opened(cellId, gatewayId, context, events);
  }

  #opened(cellId: string, gatewayId: string, context: DialContext, events: DialEvents): Connection {
    const id = `c${String(this.#ids++).padStart(14, '0')}=`;
    const { tenantId, epoch, keyGeneration } = context;
    const socket: Socket = {
      connectionId: id,
      gatewayId,
      tenantId,
      epoch: Number(epoch),
      keyGeneration: Number(keyGeneration),
    };
    const { now } = this.#clock;
    const connection = { id, cellId, socket, events, heardAt: now, isOpen: true, isSevered: false };
    this.countMinutes();
    this.connections.set(id, connection);
    this.#clock.set(() => {
      if (!connection.isOpen) return;
      this.figures.endedByAge++;
      this.#end(connection, 'server');
    }, apiGateway.lifetimeMs);
    this.#watchIdleness(connection);
    this.#clock.set(() => connection.isOpen && events.opened(), this.#latency());
    return connection;
  }

  #watchIdleness(connection: Connection): void {
    const leftMs = connection.heardAt + apiGateway.idleMs - this.#clock.now;
    this.#clock.set(() => {
      if (!connection.isOpen) return;
      if (connection.heardAt + apiGateway.idleMs > this.#clock.now) return this.#watchIdleness(connection);
      this.figures.endedByIdleness++;
      this.#end(connection, 'server');
    }, leftMs);
  }

  #toCloud(connection: Connection, text: string): void {
    if (connection.isSevered) return;
    const part = /^\{"v":1,"t":"(?:status|inventory)/.test(text)
      ? 'status'
      : text.startsWith('{"v":1,"t":"cmd')
        ? 'commands'
        : 'connections';
    this.#clock.set(() => {
      if (!connection.isOpen) return;
      connection.heardAt = this.#clock.now;
      this.#cloud.meter.add(
        part,
        'messages',
        Math.ceil(Buffer.byteLength(text) / apiGateway.messageUnitBytes),
      );
      // API Gateway chooses the route by this member alone.
      const type = (/"t":"([a-z.]+)"/.exec(text)?.[1] ?? '') as UpstreamType;
      this.#cloud.frame(connection.cellId, connection.socket, type, text).then(
        (isTaken) => isTaken || this.#notHandled(connection),
        (error: unknown) => this.violations.push(`${type}: ${String(error)}`),
      );
    }, this.#latency());
  }

  #notHandled(connection: Connection): void {
    const said = { message: 'Internal server error', connectionId: connection.id, requestId: 'r' };
    const text = JSON.stringify(said);
    this.#clock.set(() => connection.isOpen && connection.events.frame(text), this.#latency());
  }

  /** A pong is API Gateway's own: it is no message and does not count against idleness. */
  #pong(connection: Connection): void {
    if (connection.isSevered) return;
    this.#clock.set(() => connection.isOpen && connection.events.pong(), 2 * this.#latency());
  }

  #end(connection: Connection, by: 'planned' | 'client' | 'server'): void {
    // Where the path is broken, API Gateway does not hear that the agent gave up.
    if (!connection.isOpen || (connection.isSevered && by !== 'server')) return;
    connection.isOpen = false;
    this.countMinutes();
    this.connections.delete(connection.id);
    if (by === 'server' && !connection.isSevered)
      this.#clock.set(() => connection.events.closed('1001'), this.#latency());
    if (this.#random() < this.#faults.lostDisconnect) return;
    this.#clock.set(() => void this.#disconnected(connection, by), this.#latency());
  }

  async #disconnected(connection: Connection, by: 'planned' | 'client' | 'server'): Promise<void> {
    const { gatewayId } = connection.socket;
    await this.#cloud.disconnect(connection.cellId, connection.socket);
    if (by === 'planned' && !this.#cloud.gateways.get(gatewayId)?.route && this.#isConnected(gatewayId))
      this.violations.push(`a planned rollover of ${gatewayId} took its route off`);
  }

  #isConnected(gatewayId: string): boolean {
    for (const { socket, isOpen } of this.connections.values())
      if (socket.gatewayId === gatewayId && isOpen) return true;
    return false;
  }

  #latency(): number {
    return latencyMs.from + this.#random() * (latencyMs.to - latencyMs.from);
  }
}
