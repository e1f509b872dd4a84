import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { StatusUplink } from '../../agent/connection/status-uplink.ts';
import { keepPast, loadPast } from '../../agent/rollups/past-file.ts';
import { RollupKeeper } from '../../agent/rollups/rollup-keeper.ts';
import { createStatusCollector } from '../../agent/status/collector.ts';
import { openSpool, type Spool } from '../../agent/status/spool.ts';
import { silentLog } from '../../core/log.ts';
import { parseDownstream } from '../../core/messages.ts';
import type { HistorySpan, HistoryView } from '../../core/rollups/history-view.ts';
import type { Rollup } from '../../core/rollups/rollup.ts';
import { valuesOf } from '../../core/rollups/signals.ts';
import type { Heartbeat } from '../../core/status.ts';
import { getHistory } from '../../lambda/api/show-history.ts';
import {
  configurationsTable,
  gatewaysTable,
  inventoryTable,
  rollupsTable,
  statusTable,
} from '../../lambda/aws/tables.ts';
import { dynamoConfigurations, dynamoGateways } from '../../lambda/commands/dynamo-stores.ts';
import { dynamoStatusStore } from '../../lambda/status/status-store.ts';
import { takeReport } from '../../lambda/status/take-report.ts';
import { recordedHost, versions } from '../agent/status/recorded-host.ts';
import { temporaryDirectory } from '../agent/temporary-directory.ts';
import type { TestDynamo } from '../support/dynamo.ts';
import { gatewayItem } from '../support/fleet.ts';

export const memory = 'system.memory.utilization';
const socket = { connectionId: 'c1', gatewayId: 'gw-1', tenantId: 'acme', epoch: 7, keyGeneration: 1 };

/**
 * A gateway's agent, with its real collector, history, spool and uplink over files, and its cloud, with the real ingest and
 * API over DynamoDB. Between them one clock, which tests move, and a connection that they cut.
 */
export class HistorySite {
  now: number;
  /** Of the host's memory, what is in use. */
  memoryShare = 0.5;
  /** Rollups as they arrived, by the frame. */
  readonly arrived: Rollup[][] = [];
  /** Bodies of statuses as they arrived. */
  readonly heard: { heartbeat: Heartbeat; wantsAck: boolean }[] = [];
  readonly #tables;
  readonly #dir = temporaryDirectory();
  readonly #host = recordedHost();
  #isUp = false;
  #agent: { rollups: RollupKeeper; uplink: StatusUplink; spool: Spool; bootId: string } | undefined;
  #timers: { at: number; run: () => void }[] = [];
  #work: Promise<unknown>[] = [];

  private constructor(tables: ReturnType<typeof tablesOf>, now: number) {
    this.#tables = tables;
    this.now = now;
  }

  static async open(dynamo: TestDynamo, now: number): Promise<HistorySite> {
    const site = new HistorySite(tablesOf(await dynamo.createTables(), dynamo), now);
    await site.#tables.gateways.put(gatewayItem({ createdAt: now }));
    await site.#tables.gateways.put(gatewayItem({ gatewayId: 'gw-2', tenantId: 'other', createdAt: now }));
    return site;
  }

  /** A process of the agent, over what the one before left on disk. */
  async start(): Promise<void> {
    const host = this.#host;
    const bootId = randomUUID();
    const timed = { now: () => this.now, setTimer: this.#setTimer, log: silentLog };
    host.at = this.now;
    const collector = createStatusCollector({ host, versions, bootId, agentStartedAt: this.now });
    const parts = { volumes: [], metrics: { 'gateway.connection.rtt': 40 } };
    const spool = await openSpool({ path: join(this.#dir, 'status.spool') });
    const past = join(this.#dir, 'rollups.json');
    const keep = keepPast(past);
    const rollups = new RollupKeeper({
      ...timed,
      past: await loadPast(past, silentLog),
      keep: (kept) => this.#track(keep(kept)),
      observe: async () => valuesOf(await collector.observe(parts)),
      isPingAnswered: () => this.#isUp,
      unixMs: () => this.now,
    });
    const uplink = new StatusUplink({
      ...timed,
      spool,
      rollups,
      collect: () => collector.heartbeat(parts),
      inventory: async () => ({ ...(await collector.inventory()), hash: 'h' }),
      send: (type, body) => this.#send(type, body),
      isPingAnswered: () => this.#isUp,
      isBusy: () => false,
    });
    this.#agent = { rollups, uplink, spool, bootId };
    rollups.start();
    uplink.start();
    uplink.inventoryAcked('h');
    await this.#settle();
  }

  /** What was not written down is gone. */
  async kill(): Promise<void> {
    this.#timers = [];
    this.#isUp = false;
    await Promise.all(this.#work);
    await this.#agent?.spool.close();
    this.#agent = undefined;
  }

  async connect(): Promise<void> {
    this.#isUp = true;
    this.#agent!.uplink.up({ heartbeatIntervalMs: 300_000 });
    await this.#settle();
  }
  async cut(): Promise<void> {
    this.#isUp = false;
    this.#agent!.uplink.down();
    await this.#settle();
  }
  /** Somebody looks. */
  async watch(): Promise<void> {
    this.#agent!.uplink.watch({ everyMs: 2_000, forMs: 4_000 });
    await this.#settle();
  }

  /** Lets time pass, timer by timer. */
  async pass(ms: number): Promise<void> {
    const end = this.now + ms;
    for (;;) {
      const next = this.#timers.toSorted((a, b) => a.at - b.at)[0];
      if (!next || next.at > end) break;
      this.now = Math.max(this.now, next.at);
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#read();
      next.run();
      await this.#settle();
    }
    this.now = end;
  }

  async history(span: HistorySpan, { tenantId = 'acme', signal = memory } = {}): Promise<HistoryView> {
    const deps = { ...this.#tables, heartbeatIntervalMs: 300_000, now: () => this.now };
    const asked = { tenantId, params: { gatewayId: 'gw-1' }, query: { span, signal } };
    return (await getHistory(deps, asked)).history;
  }

  #read(): void {
    this.#host.at = this.now;
    const available = Math.round(8_000_000 * (1 - this.memoryShare));
    this.#host.texts['/proc/meminfo'] = `MemTotal: 8000000 kB\nMemAvailable: ${available} kB\n`;
  }

  #send(t: 'status' | 'inventory', body: object): boolean {
    if (!this.#isUp) return false;
    const {
      heartbeat,
      rollups = [],
      wantsAck = true,
    } = body as (typeof this.heard)[0] & { rollups?: Rollup[] };
    this.heard.push({ heartbeat, wantsAck });
    if (rollups.length > 0) this.arrived.push(rollups);
    const frame = JSON.stringify({ v: 1, t, id: 'm', epoch: 7, seq: 1, ts: this.now, body });
    void this.#track(takeReport(this.#deps(), socket, frame));
    return true;
  }

  #deps() {
    return {
      cellId: 'cell-1',
      gateways: dynamoGateways(this.#tables.gateways),
      configurations: dynamoConfigurations(this.#tables.configurations),
      store: dynamoStatusStore(this.#tables),
      connections: {
        post: async (_id: string, frame: string) => {
          const parsed = parseDownstream(frame);
          const { uplink, bootId } = this.#agent ?? {};
          if (parsed.ok && parsed.message.t === 'status.ack' && uplink && bootId)
            void this.#track(uplink.acked(parsed.message.body, bootId));
          return 'sent' as const;
        },
        close: () => Promise.resolve(),
      },
      clock: { now: () => this.now, newId: () => 'id' },
      log: silentLog,
    };
  }

  readonly #setTimer = (run: () => void, delayMs: number): (() => void) => {
    const timer = { at: this.now + delayMs, run };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
  };

  #track<T>(work: Promise<T>): Promise<T> {
    this.#work.push(work.catch(() => undefined));
    return work;
  }

  /** Whatever was begun is done: files are written, frames answered, and all parts wait for a timer again. */
  async #settle(): Promise<void> {
    for (let quiet = 0, seen = ''; quiet < 3;) {
      await Promise.all(this.#work.splice(0));
      await this.#agent?.spool.ack('nobody', 0);
      await new Promise((resolve) => setImmediate(resolve));
      const state = JSON.stringify([this.#timers.length, this.heard.length, this.#agent?.spool.count]);
      quiet = state === seen && this.#work.length === 0 && this.#timers.length >= 2 ? quiet + 1 : 0;
      seen = state;
    }
  }
}

const tablesOf = (names: Awaited<ReturnType<TestDynamo['createTables']>>, { client }: TestDynamo) => ({
  gateways: gatewaysTable(names.GATEWAYS_TABLE, client),
  status: statusTable(names.STATUS_TABLE, client),
  inventory: inventoryTable(names.INVENTORY_TABLE, client),
  rollups: rollupsTable(names.ROLLUPS_TABLE, client),
  configurations: configurationsTable(names.CONFIGURATIONS_TABLE, client),
});
