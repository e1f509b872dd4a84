import { generateKeyPairSync } from 'node:crypto';
import { commandKinds } from '../../../core/command-kinds.ts';
import { silentLog, type Log } from '../../../core/log.ts';
import type { Heartbeat, Inventory } from '../../../core/status.ts';
import { applyRecord, type CommandBook } from '../../../agent/commands/command-book.ts';
import type { Journal } from '../../../agent/commands/command-journal.ts';
import { CommandRunner, type CommandMessage } from '../../../agent/commands/command-runner.ts';
import type { Executors } from '../../../agent/commands/executor.ts';
import type { Dialer } from '../../../agent/connection/dialer.ts';
import { signDialToken } from '../../../agent/connection/dial-token.ts';
import { Link } from '../../../agent/connection/link.ts';
import { StatusUplink } from '../../../agent/connection/status-uplink.ts';
import { historySignalNames } from '../../../core/rollups/signals.ts';
import { RollupKeeper } from '../../../agent/rollups/rollup-keeper.ts';
import { noPast } from '../../../agent/rollups/tally.ts';
import type { Spool } from '../../../agent/status/spool.ts';
import type { VirtualClock } from './virtual-clock.ts';

export interface GatewaySettings {
  gatewayId: string;
  cells: readonly { cellId: string; webSocketUrl: string }[];
  /** What a first dial is spread over, before any welcome. */
  reconnectWindowMs: number;
  heartbeat: Heartbeat;
  inventory: Inventory;
}

/** A gateway with a data path, at values of two digits: rollups are as large as they get. */
const everySignal = Object.fromEntries(historySignalNames.map((name) => [name, 0.12]));
/** How long a command takes on the gateway. */
const commandMs = 150;

/** A gateway's agent: the real link, status uplink and command runner, without volumes and disks. */
export class Gateway {
  readonly gatewayId: string;
  readonly publicKey: string;
  readonly link: Link;
  /** From noticing a loss to the next welcome, in ms. */
  readonly returns: { lostAt: number; ms: number; reason: string }[] = [];
  /** When the connection in use was welcomed. */
  upAt = 0;
  tookOver = 0;
  #lost: { at: number; reason: string } | undefined;
  readonly #clock: VirtualClock;
  readonly #uplink: StatusUplink;
  readonly #rollups: RollupKeeper;
  readonly #journalId: string;
  readonly #book: CommandBook = new Map();
  #runner: Promise<CommandRunner> | undefined;

  constructor(settings: GatewaySettings, world: { clock: VirtualClock; random: () => number; dial: Dialer }) {
    const { gatewayId } = settings;
    const { clock, random, dial } = world;
    this.gatewayId = gatewayId;
    this.#clock = clock;
    this.#journalId = `j-${gatewayId}`;
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    this.publicKey = publicKey.export({ format: 'jwk' }).x!;
    const key = { privateKey, publicKey: this.publicKey } as Parameters<typeof signDialToken>[0];
    const bootId = `b-${gatewayId}-0000-4000-8000-000000000000`;
    const unixMs = () => Math.floor(clock.now);
    this.link = new Link(
      { welcomedSeq: 0, reconnectWindowMs: settings.reconnectWindowMs },
      settings.cells,
      {
        up: ({ welcome }) => this.#isUp(welcome),
        down: (reason) => {
          this.#lost = { at: clock.now, reason };
          this.#uplink.down();
        },
        message: (message) => {
          if (message.t === 'status.ack') void this.#uplink.acked(message.body, bootId);
          else if (message.t === 'inventory.ack') this.#uplink.inventoryAcked(message.body.hash);
          else if (message.t.startsWith('cmd') || message.t === 'result.ack')
            void this.#command(message as CommandMessage);
        },
        sayAgain: () => void this.#runner?.then((runner) => runner.sayAgain()),
      },
      {
        dial,
        now: () => clock.now,
        unixMs,
        random,
        setTimer: clock.set,
        log: this.#log,
        signToken: ({ cellId, seq, issuedAt }) =>
          clock.hold(signDialToken(key, { gatewayId, cellId, seq, issuedAt, keyGeneration: 1 })),
        remember: () => Promise.resolve(),
        hello: () => ({ bootId, journalId: this.#journalId, agentVersion: '0.1.0' }),
      },
    );
    // Each minute would count more measurements, and cost the same.
    this.#rollups = new RollupKeeper({
      past: noPast,
      keep: () => Promise.resolve(),
      observe: () => Promise.resolve(everySignal),
      everyMs: 300_000,
      isPingAnswered: () => this.link.isPingAnswered,
      unixMs,
      now: () => clock.now,
      setTimer: clock.set,
      log: silentLog,
    });
    let seq = 0;
    this.#uplink = new StatusUplink({
      collect: () =>
        Promise.resolve({
          ...settings.heartbeat,
          bootId,
          seq: ++seq,
          sentAt: unixMs(),
          agentStartedAt: unixMs(),
        }),
      inventory: () => Promise.resolve(settings.inventory),
      spool: memorySpool(),
      rollups: this.#rollups,
      send: (type, body) => this.link.send(type, body),
      isPingAnswered: () => this.link.isPingAnswered,
      isBusy: () => false,
      now: () => clock.now,
      setTimer: clock.set,
      log: silentLog,
    });
  }

  start(): void {
    this.link.start();
    this.#uplink.start();
    this.#rollups.start();
  }

  readonly #log: Log = (_, event) => {
    if (event === 'link.taken-over') this.tookOver++;
  };

  #isUp(welcome: { heartbeatIntervalMs: number }): void {
    const { now } = this.#clock;
    this.upAt = now;
    if (this.#lost)
      this.returns.push({ lostAt: this.#lost.at, ms: now - this.#lost.at, reason: this.#lost.reason });
    this.#lost = undefined;
    this.#uplink.up(welcome);
    void this.#runner?.then((runner) => runner.sayAgain());
  }

  /** When this gateway lost the connection that it has not got back yet. */
  get lostAt(): number | undefined {
    return this.#lost?.at;
  }

  async #command(message: CommandMessage): Promise<void> {
    this.#runner ??= this.#newRunner();
    await (await this.#runner).handle(message);
  }

  async #newRunner(): Promise<CommandRunner> {
    const runner = new CommandRunner({
      journal: this.#journal,
      executors: this.#executors,
      send: (type, body) => this.link.send(type, body),
      serverTime: this.link.serverTime,
      setTimer: this.#clock.set,
      log: silentLog,
    });
    await runner.start();
    return runner;
  }

  get #journal(): Journal {
    const book = this.#book;
    return {
      journalId: this.#journalId,
      entries: book,
      append: async (record) => {
        applyRecord(book, record);
        if (record.r === 'settled') this.#retire();
      },
    };
  }

  /** A runner looks every half minute for what nobody answered; with nothing left to say it may go. */
  #retire(): void {
    if ([...this.#book.values()].some(({ settledAt }) => settledAt === undefined)) return;
    const runner = this.#runner;
    this.#runner = undefined;
    this.#book.clear();
    void runner?.then((retired) => retired.stop());
  }

  get #executors(): Executors {
    const run = () => this.#clock.wait(commandMs).then(() => ({ agentVersion: '0.1.0' }));
    return Object.fromEntries(commandKinds.map((kind) => [kind, { run }])) as unknown as Executors;
  }
}

function memorySpool(): Spool {
  const beats = new Map<string, Heartbeat>();
  return {
    append: async (heartbeat) => void beats.set(`${heartbeat.bootId} ${heartbeat.seq}`, heartbeat),
    pending: (max) => [...beats.values()].slice(0, max),
    ack: async (bootId, seq) => void beats.delete(`${bootId} ${seq}`),
    get count() {
      return beats.size;
    },
    dropped: 0,
    close: () => Promise.resolve(),
  };
}
