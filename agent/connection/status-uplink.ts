import type { Log } from '../../core/log.ts';
import type { Heartbeat, Inventory } from '../../core/status.ts';
import { limits } from '../../core/limits.ts';
import { rollupFrameBytes, type Rollup } from '../../core/rollups/rollup.ts';
import type { RollupSource } from '../rollups/rollup-keeper.ts';
import type { Spool } from '../status/spool.ts';
import type { UpstreamBody } from './link-ports.ts';
import {
  dueNow,
  intervalOf,
  mustArrive,
  newSchedule,
  nextLookAt,
  onAck,
  onChange,
  onConfigured,
  onDown,
  onStatus,
  onUp,
  onWatch,
  type Pace,
  type StatusReason,
  type StatusSchedule,
} from './status-schedule.ts';

export interface UplinkDeps {
  collect: () => Promise<Heartbeat>;
  inventory: () => Promise<Inventory>;
  spool: Spool;
  rollups: RollupSource;
  /** False where there is no connection. */
  send: <T extends 'status' | 'inventory'>(type: T, body: UpstreamBody<T>) => boolean;
  /** Whether pings show that the connection is whole; where they do not, the answers to statuses have to. */
  isPingAnswered: () => boolean;
  /** Something runs here whose progress people want to see. */
  isBusy: () => boolean;
  /** Monotonic, ms. */
  now: () => number;
  setTimer: (run: () => void, delayMs: number) => () => void;
  log: Log;
}

/** Spooled heartbeats on their way at a time, and how long their acks may take. */
const backfillCount = 8;
const ackWithinMs = 15_000;
/** An inventory without its answer is sent so often over one connection. */
const inventorySendsMax = 3;
/** Of a frame, beside the heartbeat and the rollups. */
const envelopeBytes = 1_024;
const unsent = { hash: '', count: 0, at: -Infinity };

/**
 * Sends status over whatever connection there is, and spools it while there is none. After a reconnect the newest
 * goes first, then the spool with its original times.
 */
export class StatusUplink {
  private readonly deps: UplinkDeps;
  private schedule: StatusSchedule;
  private cancelTimer: (() => void) | undefined;
  private cancelBackfill: (() => void) | undefined;
  /** Spooled heartbeats that were sent and not acknowledged yet. */
  private readonly inFlight = new Set<string>();
  /** Hash of the inventory that the server has. */
  private inventoryStored: string | undefined;
  /** The last that was sent over this connection. */
  private inventorySent = unsent;
  private working: Promise<void> | undefined;
  private isStarted = false;
  private isStopped = false;
  private isUp = false;
  private isOpenRollupWanted = false;

  constructor(deps: UplinkDeps) {
    this.deps = deps;
    this.schedule = newSchedule(deps.now());
  }

  /** Nothing is reported before. */
  start(): void {
    this.isStarted = true;
    this.wake();
  }

  up(welcome: { heartbeatIntervalMs: number; changeBurst?: number }): void {
    this.isUp = true;
    this.inventorySent = unsent;
    this.deps.rollups.lost();
    this.schedule = onUp(this.schedule, welcome);
    this.wake();
  }

  down(): void {
    this.isUp = false;
    this.inFlight.clear();
    this.cancelBackfill?.();
    this.deps.rollups.lost();
    this.schedule = onDown(this.schedule);
    this.wake();
  }

  /** The longest time between two statuses, ms. */
  get intervalMs(): number {
    return intervalOf(this.schedule);
  }

  /** `intervalMs`: the configuration's; undefined: the server's. */
  configure(intervalMs: number | undefined): void {
    this.schedule = onConfigured(this.schedule, intervalMs);
    this.wake();
  }

  /** A frame of this connection was not handled: nobody knows which. */
  sayAgain(): void {
    this.deps.rollups.lost();
  }

  /** Somebody looks: also at what is not whole yet. */
  watch(watch: { everyMs: number; forMs: number }): void {
    this.isOpenRollupWanted = true;
    this.schedule = onWatch(this.schedule, watch, this.deps.now());
    this.wake();
  }

  /** Something that people wait for has changed. */
  changed(): void {
    this.schedule = onChange(this.schedule);
    this.wake();
  }

  async acked({ bootId, seq }: { bootId: string; seq: number }, ownBootId: string): Promise<void> {
    if (bootId === ownBootId) this.schedule = onAck(this.schedule, seq);
    this.deps.rollups.acked(carrierOf({ bootId, seq }));
    await this.deps.spool.ack(bootId, seq);
    if (this.inFlight.delete(carrierOf({ bootId, seq }))) this.backfill();
    this.wake();
  }

  inventoryAcked(hash: string): void {
    this.inventoryStored = hash;
  }

  /** What is unsent stays in the spool. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.cancelTimer?.();
    this.cancelBackfill?.();
    await this.working;
  }

  private wake(): void {
    if (!this.isStarted || this.isStopped || this.working) return;
    this.cancelTimer?.();
    const now = this.deps.now();
    // Into the spool goes what is needed later, not what somebody would look at now.
    const pace: Pace = {
      isBusy: this.isUp && this.deps.isBusy(),
      isPingAnswered: !this.isUp || this.deps.isPingAnswered(),
    };
    const reason = dueNow(this.schedule, now, pace);
    if (reason === undefined) {
      const delayMs = Math.max(1, Math.ceil(nextLookAt(this.schedule, now, pace) - now));
      this.cancelTimer = this.deps.setTimer(() => this.wake(), delayMs);
      return;
    }
    this.working = this.report(reason)
      .catch((cause: unknown) => {
        this.deps.log('error', 'status.failed', { error: String(cause) });
        this.cancelTimer = this.deps.setTimer(() => this.wake(), 5_000);
        return 'failed' as const;
      })
      .then((failed) => {
        this.working = undefined;
        if (failed !== 'failed') this.wake();
      });
  }

  private async report(reason: StatusReason): Promise<void> {
    const { collect, send, spool, rollups, isPingAnswered, now, log } = this.deps;
    if (this.isUp) await this.reportInventory();
    // What changes while it is collected is news for the next one.
    const wasChanged = this.schedule.isChanged;
    this.schedule = { ...this.schedule, isChanged: false };
    const heartbeat = await collect().catch((cause: unknown) => {
      this.schedule = { ...this.schedule, isChanged: wasChanged || this.schedule.isChanged };
      throw cause;
    });
    const changedMeanwhile = this.schedule.isChanged;
    const before = { ...this.schedule, isChanged: wasChanged };
    const wantsAck = mustArrive(before, reason) || !isPingAnswered();
    // Before something goes wrong it is worth to know what was: it may be the last that is heard.
    const carried = this.rollupsFor(heartbeat, reason === 'change' || this.isOpenRollupWanted);
    const isSent = send('status', { heartbeat, wantsAck, ...carried });
    if (isSent) this.isOpenRollupWanted = false;
    else {
      rollups.lost();
      await spool.append(heartbeat);
    }
    this.schedule = onStatus(before, { seq: heartbeat.seq, reason, isSent }, now());
    if (changedMeanwhile) this.schedule = onChange(this.schedule);
    log('debug', 'status.reported', { seq: heartbeat.seq, reason, isSent });
    if (isSent) this.backfill();
  }

  /** What the frame has room for. */
  private rollupsFor(heartbeat: Heartbeat, withOpen: boolean): { rollups?: Rollup[] } {
    if (!this.isUp) return {};
    const leftBytes = limits.messageBytes - envelopeBytes - Buffer.byteLength(JSON.stringify(heartbeat));
    const roomBytes = Math.min(rollupFrameBytes, leftBytes);
    const rollups = this.deps.rollups.due(carrierOf(heartbeat), { roomBytes, withOpen });
    return rollups.length > 0 ? { rollups } : {};
  }

  /** Only where the server does not have it as it is now; with a later status again, if its answer does not come. */
  private async reportInventory(): Promise<void> {
    const inventory = await this.deps.inventory();
    const { hash } = inventory;
    if (hash === this.inventoryStored) return;
    const { count, at } = this.inventorySent.hash === hash ? this.inventorySent : unsent;
    const now = this.deps.now();
    if (count >= inventorySendsMax || now - at < ackWithinMs) return;
    if (this.deps.send('inventory', { inventory })) this.inventorySent = { hash, count: count + 1, at: now };
  }

  /** The oldest of the spool, a few at a time; when all are acknowledged the next go. */
  private backfill(): void {
    if (!this.isUp || this.isStopped || this.inFlight.size > 0) return;
    this.cancelBackfill?.();
    for (const heartbeat of this.deps.spool.pending(backfillCount)) {
      this.inFlight.add(carrierOf(heartbeat));
      const isSent = this.deps.send('status', { heartbeat, ...this.rollupsFor(heartbeat, false) });
      if (!isSent) this.deps.rollups.lost();
    }
    if (this.inFlight.size === 0) return;
    this.cancelBackfill = this.deps.setTimer(() => {
      this.inFlight.clear();
      this.backfill();
    }, ackWithinMs);
  }
}

const carrierOf = ({ bootId, seq }: Pick<Heartbeat, 'bootId' | 'seq'>): string => `${bootId} ${seq}`;
