import { generateKeyPairSync, randomUUID } from 'node:crypto';
import type { GatewayKey } from '../../agent/identity/gateway-key.ts';
import { signDialToken } from '../../agent/connection/dial-token.ts';
import { Link } from '../../agent/connection/link.ts';
import { wsDialer } from '../../agent/connection/ws-dialer.ts';
import { applyRecord, type CommandBook } from '../../agent/commands/command-book.ts';
import type { Journal } from '../../agent/commands/command-journal.ts';
import { CommandRunner } from '../../agent/commands/command-runner.ts';
import type { Executors } from '../../agent/commands/executor.ts';
import { silentLog } from '../../core/log.ts';
import type { GatewayItem } from '../../core/model.ts';
import { tenant, type CellAddress } from './server.ts';

const setTimer = (run: () => void, delayMs: number): (() => void) => {
  const timer = setTimeout(run, delayMs);
  return () => clearTimeout(timer);
};
const clocks = { now: () => performance.now(), unixMs: Date.now };
const dial = wsDialer(undefined);
/** The load is probes; nothing here has a volume. */
const executors = {
  probe: { run: ({ echo }: { echo?: string }) => Promise.resolve({ echo: echo ?? '' }) },
} as unknown as Executors;

/** Gateways with real keys, links and runners; their journals are in memory, and they report no status. */
export class Fleet {
  readonly gateways: readonly LoadGateway[];
  /** Connections that were lost after their welcome. */
  losses = 0;
  readonly #settled = new Map<string, (() => void) | 'already'>();

  constructor(count: number, cells: readonly CellAddress[]) {
    const settled = (commandId: string) => this.#settle(commandId);
    const lost = () => this.losses++;
    this.gateways = Array.from({ length: count }, (_, i) => new LoadGateway(i, cells, { settled, lost }));
  }

  /** Resolves when the agent heard that the command's result is stored. */
  async settled(commandId: string): Promise<void> {
    if (this.#settled.get(commandId) !== 'already')
      await new Promise<void>((resolve) => this.#settled.set(commandId, resolve));
    this.#settled.delete(commandId);
  }

  stop(): void {
    for (const gateway of this.gateways) gateway.stop();
  }

  #settle(commandId: string): void {
    const waiting = this.#settled.get(commandId);
    if (typeof waiting === 'function') waiting();
    else this.#settled.set(commandId, 'already');
  }
}

interface Told {
  settled(commandId: string): void;
  lost(): void;
}

/** One gateway as far as connection and commands go. */
export class LoadGateway {
  readonly gatewayId: string;
  readonly #key: GatewayKey = newKey();
  readonly #link: Link;
  readonly #runner: CommandRunner;
  readonly #welcomed = Promise.withResolvers<void>();

  constructor(index: number, cells: readonly CellAddress[], told: Told) {
    this.gatewayId = `gw-load-${index}`;
    const journal = memoryJournal();
    const hello = { bootId: randomUUID(), journalId: journal.journalId, agentVersion: '0.1.0' };
    // Each gateway has a cell of its own to begin with.
    const own = cells.map((_, i) => cells[(i + index) % cells.length]!);
    this.#link = new Link(
      { welcomedSeq: 0, reconnectWindowMs: 30_000 },
      own,
      {
        up: () => {
          this.#runner.sayAgain();
          this.#welcomed.resolve();
        },
        down: () => told.lost(),
        sayAgain: () => this.#runner.sayAgain(),
        message: (message) => {
          if (message.t === 'result.ack') told.settled(message.body.commandId);
          if (message.t.startsWith('cmd') || message.t === 'result.ack')
            void this.#runner.handle(message as Parameters<CommandRunner['handle']>[0]);
        },
      },
      {
        ...clocks,
        dial,
        random: Math.random,
        setTimer,
        log: silentLog,
        signToken: (dialed) =>
          signDialToken(this.#key, { ...dialed, gatewayId: this.gatewayId, keyGeneration: 1 }),
        remember: () => Promise.resolve(),
        hello: () => hello,
      },
    );
    this.#runner = new CommandRunner({
      journal,
      executors,
      send: (type, body) => this.#link.send(type, body),
      serverTime: this.#link.serverTime,
      setTimer,
      log: silentLog,
    });
  }

  /** As activation would have left it. */
  item(): GatewayItem {
    return {
      gatewayId: this.gatewayId,
      tenantId: tenant.tenantId,
      status: 'active',
      publicKey: this.#key.publicKey,
      keyGeneration: 1,
      createdAt: Date.now(),
      dialSeq: 0,
      recentHellos: [],
      commandCounter: 0,
      grants: {},
    };
  }

  /** Dials; resolves with the welcome. */
  connect(): Promise<void> {
    this.#link.start();
    return this.#welcomed.promise;
  }

  stop(): void {
    this.#link.stop();
    void this.#runner.stop();
  }
}

function newKey(): GatewayKey {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return { privateKey, publicKey: publicKey.export({ format: 'jwk' }).x ?? '' };
}

function memoryJournal(): Journal {
  const book: CommandBook = new Map();
  return {
    journalId: randomUUID(),
    entries: book,
    append: (record) => {
      applyRecord(book, record);
      // As a journal that is compacted: what is settled for long is not kept.
      if (record.r === 'settled') book.delete(record.commandId);
      return Promise.resolve();
    },
  };
}
