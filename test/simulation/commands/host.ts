import {
  parseDownstream,
  protocolVersion,
  type CommandOutcome,
  type Downstream,
} from '../../../core/messages.ts';
import type { Scheduler } from './scheduler.ts';

export interface Wire {
  /** Opens a connection, if the token is let in. */
  dial(host: Host, dialSeq: number): Connection | undefined;
  send(connection: Connection, frame: string): void;
  close(connection: Connection): void;
}
export interface Connection {
  id: string;
  epoch: number;
  cellId: string;
  host: Host;
  open: boolean;
}

interface Entry {
  attempt: number;
  needsGo: boolean;
  state: 'waiting' | 'running' | 'done';
  outcome?: CommandOutcome;
  delivered?: boolean;
}

/**
 * A gateway host that keeps the agent's side of the protocol: it journals before it acks, runs a command at most once,
 * waits for `cmd.go` where it has to, and repeats results until they are acknowledged.
 */
export class Host {
  readonly name: string;
  readonly #scheduler: Scheduler;
  readonly #wire: Wire;
  /** How often each command was started, on all hosts. */
  readonly #starts: Map<string, number>;
  journalId: string;
  #journals = 1;
  #journal = new Map<string, Entry>();
  #lastWelcomed = 0;
  #frames = 0;
  connection: Connection | undefined;
  #dialing: Connection | undefined;

  constructor(name: string, scheduler: Scheduler, wire: Wire, starts: Map<string, number>) {
    this.name = name;
    this.#scheduler = scheduler;
    this.#wire = wire;
    this.#starts = starts;
    this.journalId = `${name}-j1`;
  }

  /** Dials and says hello; an older connection stays until the new one is welcomed. */
  dial(): void {
    const seq = Math.max(this.#lastWelcomed + 1, this.#scheduler.nowMs);
    if (this.#dialing) this.#wire.close(this.#dialing);
    this.#dialing = this.#wire.dial(this, seq);
    if (this.#dialing) this.#hello(this.#dialing);
  }

  get isWelcomed(): boolean {
    return this.connection?.open === true;
  }

  lostConnection(connection: Connection): void {
    if (this.connection === connection) this.connection = undefined;
    if (this.#dialing === connection) this.#dialing = undefined;
  }

  receive(connection: Connection, text: string): void {
    const parsed = parseDownstream(text);
    if (!parsed.ok) throw new Error(`the cloud sent ${parsed.problem.message}`);
    const { message } = parsed;
    if (!connection.open || message.epoch !== connection.epoch) return;
    this.#on(connection, message);
  }

  #on(connection: Connection, message: Downstream): void {
    switch (message.t) {
      case 'welcome':
        return this.#onWelcome(connection);
      case 'superseded':
        return this.#wire.close(connection);
      case 'reject':
        if (message.body.code === 'NO_ROUTE') this.#hello(connection);
        return;
      case 'cmd':
        return this.#onCommand(connection, message.body);
      case 'cmd.go': {
        const entry = this.#journal.get(message.body.commandId);
        if (entry?.state === 'waiting' && entry.needsGo) this.#start(message.body.commandId, entry);
        return;
      }
      case 'cmd.cancel': {
        const entry = this.#journal.get(message.body.commandId);
        if (entry?.state === 'waiting') this.#finish(message.body.commandId, entry, { status: 'CANCELED' });
        return;
      }
      case 'result.ack': {
        const entry = this.#journal.get(message.body.commandId);
        if (entry) entry.delivered = true;
      }
    }
  }

  #onWelcome(connection: Connection): void {
    this.#lastWelcomed = Math.max(this.#lastWelcomed, connection.epoch);
    const old = this.connection;
    this.connection = connection;
    if (this.#dialing === connection) this.#dialing = undefined;
    if (old && old !== connection) this.#wire.close(old);
    this.repeat();
  }

  #onCommand(connection: Connection, body: Extract<Downstream, { t: 'cmd' }>['body']): void {
    const known = this.#journal.get(body.commandId);
    if (known?.state === 'done') {
      known.delivered = false;
      return this.#report(body.commandId, known);
    }
    if (known) known.attempt = body.attempt;
    else
      this.#journal.set(body.commandId, { attempt: body.attempt, needsGo: body.needsGo, state: 'waiting' });
    this.#ack(connection, body.commandId, body.attempt);
  }

  /** What an agent does from time to time and after each welcome: says again what was not answered. */
  repeat(): void {
    if (!this.connection) return;
    for (const [commandId, entry] of this.#journal) {
      if (entry.state === 'done') {
        if (!entry.delivered) this.#report(commandId, entry);
      } else if (entry.state === 'waiting') this.#ack(this.connection, commandId, entry.attempt);
    }
  }

  /** Gets on with its work: starts what may start, ends what runs. */
  work(): void {
    for (const [commandId, entry] of this.#journal) {
      if (entry.state === 'running') this.#finish(commandId, entry, { status: 'SUCCEEDED' });
      else if (entry.state === 'waiting' && !entry.needsGo) this.#start(commandId, entry);
    }
  }

  /** Dies and comes back: what it was in the middle of may run again, or nobody knows. */
  crash(): void {
    for (const connection of [this.connection, this.#dialing]) if (connection) this.#wire.close(connection);
    for (const entry of this.#journal.values()) {
      if (entry.state !== 'running') continue;
      entry.state = entry.needsGo ? 'done' : 'waiting';
      if (entry.needsGo) entry.outcome = { status: 'INDETERMINATE' };
    }
  }

  loseJournal(): void {
    this.crash();
    this.#journals += 1;
    this.journalId = `${this.name}-j${this.#journals}`;
    this.#journal = new Map();
    this.#lastWelcomed = 0;
  }

  #start(commandId: string, entry: Entry): void {
    entry.state = 'running';
    this.#starts.set(commandId, (this.#starts.get(commandId) ?? 0) + 1);
    this.#scheduler.trace.push(`  ${this.name} starts ${commandId.slice(0, 4)}`);
    const { attempt } = entry;
    if (this.connection) this.#send(this.connection, 'cmd.progress', { commandId, attempt, fraction: 0 });
  }

  #finish(commandId: string, entry: Entry, outcome: CommandOutcome): void {
    entry.state = 'done';
    entry.outcome = outcome;
    this.#report(commandId, entry);
  }

  #report(commandId: string, { attempt, outcome }: Entry): void {
    const body = { commandId, attempt, outcome, startedAt: 0, endedAt: 0 };
    if (this.connection) this.#send(this.connection, 'cmd.result', body);
  }

  #ack(connection: Connection, commandId: string, attempt: number): void {
    this.#send(connection, 'cmd.ack', { commandId, attempt, journalId: this.journalId });
  }

  #hello(connection: Connection): void {
    const { journalId } = this;
    this.#send(connection, 'hello', { bootId: 'boot', journalId, agentVersion: '1', sentAt: 0 });
  }

  #send(connection: Connection, t: string, body: object): void {
    this.#frames += 1;
    const { epoch } = connection;
    const frame = { v: protocolVersion, t, id: `f${this.#frames}`, epoch, seq: this.#frames, ts: 0, body };
    this.#wire.send(connection, JSON.stringify(frame));
  }
}
