import { CommandRunner, type CommandMessage } from '../../../agent/commands/command-runner.ts';
import type { Execution, Executors } from '../../../agent/commands/executor.ts';
import type { Dialer } from '../../../agent/connection/dialer.ts';
import { linkTimes, type LinkMemory, type LinkTimes } from '../../../agent/connection/link-state.ts';
import { Link } from '../../../agent/connection/link.ts';
import { commandKinds, type CommandKind } from '../../../core/command-kinds.ts';
import { silentLog } from '../../../core/log.ts';
import type { Downstream } from '../../../core/messages.ts';
import type { SimulatedToken } from './cloud.ts';
import { JournalDisk } from './journal-disk.ts';
import type { Connection } from './network.ts';
import type { Host, World } from './world.ts';

const forgotten: LinkMemory = { welcomedSeq: 0, reconnectWindowMs: 30_000 };
const commandTypes: readonly Downstream['t'][] = ['cmd', 'cmd.go', 'cmd.cancel', 'result.ack'];

export interface AgentTraits {
  /** The host's clock minus the true time. */
  clockOffsetMs: number;
  /** Mean time that a command takes, and that a write to the disk takes. */
  workMs: number;
  syncMs: number;
  /** Rollovers come so often that a short schedule has several. */
  rollsOverOften: boolean;
  /** A broken agent that starts before its journal has it. */
  startsBeforeJournal?: boolean;
  /** The machine dies, and somebody starts it again. */
  accident: (host: Host) => void;
}

/** One process: the real link and the real command runner. */
interface Life {
  isOver: boolean;
  link: Link;
  runner: CommandRunner;
  /** Its open sockets, by epoch. */
  connections: Map<number, Connection>;
}

/** A gateway's machine that runs the real agent over the simulated network, clock and disk. */
export class AgentHost implements Host {
  readonly name: string;
  readonly gatewayId: string;
  readonly #world: World;
  readonly #traits: AgentTraits;
  #disk: JournalDisk;
  #disks = 1;
  #memory = forgotten;
  #life: Life | undefined;
  #lives = 0;

  constructor(name: string, gatewayId: string, world: World, traits: AgentTraits) {
    this.name = name;
    this.gatewayId = gatewayId;
    this.#world = world;
    this.#traits = traits;
    this.#disk = new JournalDisk(`${name}-j1`, world.scheduler, traits.syncMs);
  }

  get isOn(): boolean {
    return this.#life !== undefined;
  }

  get connection(): Connection | undefined {
    const { epoch } = this.#life?.link.view() ?? {};
    return epoch === undefined ? undefined : this.#life?.connections.get(epoch);
  }

  start(): void {
    if (!this.#life) this.#life = this.#begin();
  }

  crash(how: 'process' | 'power'): void {
    const life = this.#life;
    if (!life) return;
    this.#world.scheduler.note(`${this.name} dies (${how})`);
    this.#world.tally.agentCrashes++;
    life.isOver = true;
    this.#life = undefined;
    this.#disk.crash();
    const { network } = this.#world;
    for (const connection of life.connections.values())
      if (how === 'power') network.powerLost(connection);
      else network.agentGone(connection);
  }

  loseJournal(): void {
    this.crash('process');
    this.#world.tally.lostJournals++;
    const journalId = `${this.name}-j${++this.#disks}`;
    this.#disk = new JournalDisk(journalId, this.#world.scheduler, this.#traits.syncMs);
    this.#memory = forgotten;
  }

  #begin(): Life {
    const { scheduler } = this.#world;
    const disk = this.#disk;
    const bootId = `${this.name}-b${++this.#lives}`;
    const life = { isOver: false, connections: new Map<number, Connection>() } as Life;
    const unlessOver = (run: () => void) => () => void (life.isOver || run());
    const setTimer = (run: () => void, delayMs: number) => scheduler.after(delayMs, '', unlessOver(run));
    const appending = (withinMs: number): void => {
      if (!scheduler.chance(this.#world.runs.faults.agentCrash)) return;
      scheduler.after(
        scheduler.between(0, withinMs),
        '',
        unlessOver(() => this.#traits.accident(this)),
      );
    };
    let isReady = false;
    const early: CommandMessage[] = [];
    const message = (message: Downstream): void => {
      if (!commandTypes.includes(message.t)) return;
      if (isReady) void life.runner.handle(message as CommandMessage);
      else early.push(message as CommandMessage);
    };
    const up = ({ epoch }: { epoch: number }): void => {
      scheduler.note(`${this.name} is welcomed with ${epoch}`);
      if (isReady) life.runner.sayAgain();
    };
    life.link = new Link(
      this.#memory,
      this.#world.cellIds.map((cellId) => ({ cellId, webSocketUrl: cellId })),
      {
        up,
        down: () => undefined,
        message,
        sayAgain: () => isReady && life.runner.sayAgain(),
        takenOver: () => life.runner.hold(),
      },
      {
        dial: this.#dialer(life),
        now: () => scheduler.nowMs,
        unixMs: () => Math.floor(scheduler.nowMs + this.#traits.clockOffsetMs),
        random: scheduler.random,
        setTimer,
        log: silentLog,
        signToken: ({ seq, issuedAt }) =>
          Promise.resolve(JSON.stringify({ seq, issuedAt } satisfies SimulatedToken)),
        remember: (memory) => {
          scheduler.after(
            5,
            '',
            unlessOver(() => void (this.#memory = memory)),
          );
          return Promise.resolve();
        },
        hello: () => ({ bootId, journalId: disk.journalId, agentVersion: '1' }),
      },
      this.#traits.rollsOverOften ? oftenRolledOver : linkTimes,
    );
    life.runner = new CommandRunner({
      journal: disk.open(appending, this.#traits.startsBeforeJournal),
      executors: this.#executors(life),
      send: (type, body) => !life.isOver && life.link.send(type, body),
      serverTime: life.link.serverTime,
      setTimer,
      log: silentLog,
    });
    life.link.start();
    void life.runner.start().then(() => {
      isReady = true;
      for (const each of early) void life.runner.handle(each);
    });
    return life;
  }

  #dialer(life: Life): Dialer {
    const { network, starts, tally } = this.#world;
    return (cellId, token, events) => {
      const { seq } = JSON.parse(token) as SimulatedToken;
      const unlessOver =
        <A extends unknown[]>(tell: (...args: A) => void) =>
        (...args: A): void =>
          void (life.isOver || tell(...args));
      const gone = <A extends unknown[]>(tell: (...args: A) => void) =>
        unlessOver((...args: A) => {
          life.connections.delete(seq);
          tell(...args);
        });
      const socket = network.dial(
        { gatewayId: this.gatewayId, cellId, token },
        {
          opened: unlessOver((connection) => {
            if (life.connections.size > 0) tally.rollovers++;
            life.connections.set(seq, connection);
            events.opened();
          }),
          refused: gone(events.refused),
          closed: gone(events.closed),
          pong: unlessOver(events.pong),
          frame: unlessOver((text, connection, postedBy) => {
            starts.permitted(this.name, text, connection, postedBy);
            events.frame(text);
          }),
          notHandled: unlessOver((text) => events.frame(text)),
        },
      );
      return {
        ...socket,
        close: (reason, graceMs) => {
          life.connections.delete(seq);
          socket.close(reason, graceMs);
        },
      };
    };
  }

  /** Work that takes its time, mostly ends when it is told to, and of which nothing tells afterwards how far it got. */
  #executors(life: Life): Executors {
    const { scheduler, starts } = this.#world;
    const run = (kind: CommandKind, { commandId, signal, progress }: Execution): Promise<undefined> => {
      if (life.isOver) return new Promise(() => undefined);
      scheduler.note(`${this.name} starts ${kind} ${commandId.slice(0, 4)}`);
      starts.started(this.name, commandId, kind);
      progress(0);
      return new Promise((resolve, reject) => {
        scheduler.after(
          scheduler.spread(this.#traits.workMs),
          '',
          () => void (life.isOver || resolve(undefined)),
        );
        if (scheduler.chance(0.7)) signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
    };
    const ofKind = (kind: CommandKind) => ({
      run: (_: unknown, execution: Execution) => run(kind, execution),
    });
    return Object.fromEntries(commandKinds.map((kind) => [kind, ofKind(kind)])) as unknown as Executors;
  }
}

const minutes = 60_000;
const oftenRolledOver: LinkTimes = { ...linkTimes, rolloverFromMs: 4 * minutes, rolloverToMs: 12 * minutes };
