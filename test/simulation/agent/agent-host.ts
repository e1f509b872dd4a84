import { commandKinds } from '../../../core/command-kinds.ts';
import { silentLog } from '../../../core/log.ts';
import type { Downstream } from '../../../core/messages.ts';
import { CommandRunner, type CommandMessage } from '../../../agent/commands/command-runner.ts';
import type { Execution, Executors } from '../../../agent/commands/executor.ts';
import type { Dialer, DialEvents } from '../../../agent/connection/dialer.ts';
import { Link } from '../../../agent/connection/link.ts';
import type { LinkMemory } from '../../../agent/connection/link-state.ts';
import { Host, type Connection, type Wire } from '../commands/host.ts';
import type { Scheduler } from '../commands/scheduler.ts';
import { JournalDisk } from './crashing-journal.ts';
import { VirtualTimers } from './virtual-timers.ts';

const forgotten: LinkMemory = { welcomedSeq: 0, reconnectWindowMs: 30_000 };
/** A ping a minute over the two hours of a connection, and then some. */
const timersPerDialMax = 500;
/** How often the agent dies in a command that it has just started. */
const crashChance = 0.25;
const commandTypes: readonly Downstream['t'][] = ['cmd', 'cmd.go', 'cmd.cancel', 'result.ack'];

/** One life of the agent's process: the real link and the real command runner. */
interface Life {
  isDead: boolean;
  isStarted: boolean;
  link: Link;
  runner: CommandRunner;
  linkTimers: VirtualTimers;
  runnerTimers: VirtualTimers;
  sockets: Map<Connection, DialEvents>;
  /** What is being executed; each ends when the schedule says so. */
  executing: Set<() => void>;
}

/** A gateway host that runs the real agent over the simulated network, clock and disk. */
export class AgentHost extends Host {
  private readonly scheduler: Scheduler;
  private readonly wire: Wire;
  private readonly startCounts: Map<string, number>;
  private disk: JournalDisk;
  private diskCount = 1;
  private memory = forgotten;
  private life: Life;

  constructor(name: string, scheduler: Scheduler, wire: Wire, starts: Map<string, number>) {
    super(name, scheduler, wire, starts);
    this.scheduler = scheduler;
    this.wire = wire;
    this.startCounts = starts;
    this.disk = new JournalDisk(this.journalId, scheduler);
    this.life = this.begin();
  }

  override get isWelcomed(): boolean {
    return this.life.link.view().connected && this.connection?.open === true;
  }

  /** Lets time pass for the link until it dials: its retry, or its rollover. */
  override dial(): void {
    const { life } = this;
    if (!life.isStarted) {
      life.isStarted = true;
      return life.link.start();
    }
    const before = this.dialCount;
    for (let i = 0; i < timersPerDialMax && this.dialCount === before; i++) life.linkTimers.runNext();
  }
  private dialCount = 0;

  override lostConnection(connection: Connection): void {
    if (this.connection === connection) this.connection = undefined;
    // The constructor of the base class may close nothing yet.
    this.life?.sockets.get(connection)?.closed('cut');
  }

  override receive(connection: Connection, text: string): void {
    if (connection.open) this.life.sockets.get(connection)?.frame(text);
  }

  /** What the agent does from time to time. */
  override repeat(): void {
    this.life.runnerTimers.runDue(this.scheduler.nowMs);
  }

  override work(): void {
    this.life.runnerTimers.runDue(this.scheduler.nowMs);
    for (const end of [...this.life.executing]) end();
  }

  override crash(): void {
    this.life.isDead = true;
    this.disk.crash();
    for (const connection of [...this.life.sockets.keys()]) this.wire.close(connection);
    this.connection = undefined;
    this.life = this.begin();
  }

  override loseJournal(): void {
    this.diskCount++;
    this.journalId = `${this.name}-j${this.diskCount}`;
    this.life.isDead = true;
    this.disk = new JournalDisk(this.journalId, this.scheduler);
    this.memory = forgotten;
    this.crash();
  }

  private begin(): Life {
    const { scheduler, disk } = this;
    const linkTimers = new VirtualTimers(() => scheduler.nowMs);
    const runnerTimers = new VirtualTimers(() => scheduler.nowMs);
    const sockets: Life['sockets'] = new Map();
    const life = {
      isDead: false,
      isStarted: false,
      linkTimers,
      runnerTimers,
      sockets,
      executing: new Set(),
    } as Life;
    const ready = Promise.withResolvers<void>();
    life.link = new Link(
      this.memory,
      [{ cellId: 'any', webSocketUrl: 'ws://simulated' }],
      {
        up: ({ epoch }) => {
          this.connection = [...sockets.keys()].find((connection) => connection.epoch === epoch);
          void ready.promise.then(() => life.isDead || life.runner.connected());
        },
        down: () => (this.connection = undefined),
        message: (message) => {
          if (!commandTypes.includes(message.t)) return;
          void ready.promise.then(() =>
            life.isDead ? undefined : life.runner.handle(message as CommandMessage),
          );
        },
      },
      {
        dial: this.dialer(life),
        now: linkTimers.now,
        unixMs: () => scheduler.nowMs,
        random: scheduler.random,
        setTimer: linkTimers.set,
        log: silentLog,
        signToken: ({ seq }) => {
          this.dialCount++;
          return Promise.resolve(String(seq));
        },
        remember: (memory) => {
          if (!life.isDead) this.memory = memory;
          return Promise.resolve();
        },
        hello: () => ({ bootId: this.name, journalId: disk.journalId, agentVersion: '1' }),
      },
    );
    life.runner = new CommandRunner({
      journal: disk.open(),
      executors: this.executors(life),
      send: (type, body) => !life.isDead && life.link.send(type, body),
      serverTime: () => scheduler.nowMs,
      setTimer: runnerTimers.set,
      log: silentLog,
    });
    void life.runner.start().then(ready.resolve);
    return life;
  }

  private dialer(life: Life): Dialer {
    return (_url, token, events) => {
      const connection = life.isDead ? undefined : this.wire.dial(this, Number(token));
      if (!connection) {
        queueMicrotask(() => life.isDead || events.refused(401, this.scheduler.nowMs));
        return { send: () => undefined, ping: () => undefined, close: () => undefined };
      }
      life.sockets.set(connection, events);
      queueMicrotask(() => life.isDead || events.opened());
      return {
        send: (text) => this.wire.send(connection, text),
        ping: () => undefined,
        close: () => {
          life.sockets.delete(connection);
          this.wire.close(connection);
        },
      };
    };
  }

  /** Dies in the middle of its work, and is back before a clone could take over. */
  private crashSoon(life: Life): void {
    this.scheduler.later(`crash of ${this.name}`, () => {
      if (life.isDead) return;
      this.scheduler.trace.push(`  ${this.name} dies`);
      this.crash();
      this.dial();
    });
  }

  /** Executors that end when the schedule lets them, and know nothing afterwards of what a crash interrupted. */
  private executors(life: Life): Executors {
    const run = (_params: unknown, { commandId }: Execution): Promise<undefined> => {
      if (life.isDead) return new Promise(() => undefined);
      this.startCounts.set(commandId, (this.startCounts.get(commandId) ?? 0) + 1);
      this.scheduler.trace.push(`  ${this.name} starts ${commandId.slice(0, 4)}`);
      if (this.scheduler.chance(crashChance)) this.crashSoon(life);
      return new Promise((resolve) => {
        const end = () => {
          life.executing.delete(end);
          resolve(undefined);
        };
        life.executing.add(end);
      });
    };
    return Object.fromEntries(commandKinds.map((kind) => [kind, { run }])) as unknown as Executors;
  }
}
