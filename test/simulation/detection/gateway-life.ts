import type { GatewayItem, StatusItem } from '../../../core/model.ts';
import type { VolumeStatus } from '../../../core/status.ts';
import { gatewayItem, hours, minutes, statusItem, volume } from '../../support/fleet.ts';
import { seeded } from '../../support/random.ts';

export const days = 24 * hours;
export const faultNames = ['MemoryHigh', 'FsFull', 'VolumeIrrecoverable'] as const;
export type FaultName = (typeof faultNames)[number];
/** How often one gateway meets each of these, a day. */
const perDay = { hiccup: 0.5, restart: 1 / 7, reboot: 1 / 30, outage: 1 / 60, fault: 1 / 20 } as const;
const lostDisconnects = 0.02;
const beatMs = 5 * minutes;
/** API Gateway ends a connection that was silent for so long, and says so. */
const idleLimitMs = 10 * minutes;

/** A time when it was down, or had a fault; `end` is Infinity while it lasts. */
export interface Span {
  start: number;
  end: number;
  /** Down without a word: the cloud learns of it by the silence alone. */
  isSilent?: boolean;
}

type TimerName =
  | 'beat'
  | 'retry'
  | 'rollover'
  | 'hiccup'
  | 'restart'
  | 'reboot'
  | 'outage'
  | 'back'
  | 'idleEnd'
  | FaultName
  | `${FaultName}Seen`;

/** What the cloud's tables hold of one gateway, and what is true of it, as time goes on. */
export class GatewayLife {
  readonly gateway: GatewayItem;
  status: StatusItem | undefined;
  /** The newest of each. */
  down: Span | undefined;
  readonly faults = new Map<FaultName, Span>();
  /** The table changed since the proxy looked last. */
  isNew = true;
  readonly #random: () => number;
  readonly #messageLoss: number;
  readonly #timers: Partial<Record<TimerName, number>> = {};
  /** What the agent has noticed. */
  readonly #noticed = new Set<FaultName>();
  #seq = 0;
  #retryMs = 0;

  constructor(seed: number, startAt: number, messageLoss: number) {
    this.#random = seeded(seed);
    this.#messageLoss = messageLoss;
    const createdAt = startAt - 30 * days;
    this.gateway = gatewayItem({ gatewayId: `gw-${seed}`, createdAt, recentHellos: [], route: undefined });
    this.#connect(startAt);
    this.#timers.beat = startAt + this.#random() * beatMs;
    for (const name of ['hiccup', 'restart', 'reboot', 'outage'] as const)
      this.#timers[name] = startAt + this.#wait(days / perDay[name]);
    for (const name of faultNames) this.#timers[name] = startAt + this.#wait(days / perDay.fault);
  }

  /** Everything that happens until then. */
  liveUntil(until: number): void {
    for (let name = this.#nextTimer(); this.#timers[name]! <= until; name = this.#nextTimer()) {
      const at = this.#timers[name]!;
      this.#timers[name] = undefined;
      this.#happen(name, at);
    }
  }

  nextAt(): number {
    return this.#timers[this.#nextTimer()]!;
  }

  #nextTimer(): TimerName {
    let first: TimerName = 'outage';
    let firstAt = Infinity;
    for (const name in this.#timers) {
      const at = this.#timers[name as TimerName] ?? Infinity;
      if (at < firstAt) [first, firstAt] = [name as TimerName, at];
    }
    return first;
  }

  #happen(name: TimerName, at: number): void {
    switch (name) {
      case 'beat':
        return this.#send(at, false);
      case 'retry':
        return this.#send(at, true);
      case 'rollover':
        return this.#connect(at);
      case 'back':
        this.down!.end = at;
        this.#timers.idleEnd = undefined;
        this.#connect(at);
        return this.#send(at + 300, this.#noticed.size > 0);
      case 'idleEnd':
        return this.#disconnected(at);
      case 'hiccup':
        return this.#goDown(name, at, 1_000 + this.#random() * 19_000, 0);
      case 'restart':
        return this.#goDown(name, at, 5_000 + this.#random() * 25_000, 0);
      case 'reboot':
        return this.#goDown(name, at, minutes + this.#random() * 3 * minutes, 0.1);
      case 'outage':
        return this.#goDown(name, at, 15 * minutes + this.#wait(2 * hours), 0.5);
      default:
        return this.#faultTimer(name, at);
    }
  }

  #goDown(name: 'hiccup' | 'restart' | 'reboot' | 'outage', at: number, forMs: number, silent: number): void {
    this.#timers[name] = at + forMs + this.#wait(days / perDay[name]);
    if (this.down && this.down.end > at) return;
    const isSilent = this.#random() < silent || this.#random() < lostDisconnects;
    this.down = { start: at, end: Infinity, isSilent };
    this.#timers.back = at + forMs;
    this.#timers.beat = this.#timers.retry = this.#timers.rollover = undefined;
    // The last ping was up to a minute ago.
    if (isSilent) this.#timers.idleEnd = at + idleLimitMs - this.#random() * minutes;
    else this.#disconnected(at + 500);
  }

  #disconnected(at: number): void {
    this.gateway.route = undefined;
    this.gateway.routeLostAt = at;
    this.isNew = true;
  }

  /** A hello; a planned rollover is one, too. */
  #connect(at: number): void {
    const of = { cellId: 'cell-1', connectionId: 'c', bootId: 'boot-1', journalId: 'j' };
    this.gateway.route = { ...of, epoch: this.#seq, connectedAt: at };
    this.gateway.routeLostAt = undefined;
    this.gateway.recentHellos = [...this.gateway.recentHellos, at].slice(-16);
    this.#timers.rollover = at + 90 * minutes + this.#random() * 20 * minutes;
    this.isNew = true;
  }

  /** A status. One that must arrive is sent again until it has. */
  #send(at: number, mustArrive: boolean): void {
    if (this.down && this.down.end > at) return;
    this.#timers.beat = at + beatMs + this.#random() * 2_000;
    if (this.#random() < this.#messageLoss) {
      this.#retryMs = Math.min(5 * minutes, this.#retryMs === 0 ? 10_000 : 2 * this.#retryMs);
      if (mustArrive) this.#timers.retry = at + this.#retryMs;
      return;
    }
    this.#retryMs = 0;
    this.#timers.retry = undefined;
    const receivedAt = at + 50 + this.#random() * 450;
    const skew = (this.#random() - 0.5) * 2_000;
    this.status = this.#statusAt(receivedAt, at + skew);
    this.isNew = true;
  }

  #statusAt(receivedAt: number, sentAt: number): StatusItem {
    const has = (name: FaultName) => this.#noticed.has(name);
    const memory = has('MemoryHigh') ? 0.96 + this.#random() * 0.03 : 0.4 + this.#random() * 0.5;
    const freeBytes = has('FsFull') ? 30 : 150 + this.#random() * 300;
    const lost: Partial<VolumeStatus> = { state: 'failed', failure: 'truncated' };
    const { gatewayId } = this.gateway;
    return statusItem(
      { gatewayId, receivedAt, clockSkewMs: sentAt - receivedAt },
      {
        seq: (this.#seq += 1),
        sentAt,
        metrics: { 'system.memory.utilization': memory },
        filesystems: [{ mount: '/', sizeBytes: 1_000, freeBytes }],
        volumes: [
          volume({ lastSnapshotAt: sentAt - hours, ...(has('VolumeIrrecoverable') ? lost : {}) }),
          volume({ volumeId: 'vol-2', lastSnapshotAt: sentAt - 5 * hours }),
        ],
      },
    );
  }

  /** A fault begins or ends; the agent notices within its own interval, and says so at once. */
  #faultTimer(name: FaultName | `${FaultName}Seen`, at: number): void {
    if (name.endsWith('Seen')) {
      const fault = name.slice(0, -4) as FaultName;
      const lasts = this.faults.get(fault)!.end > at;
      if (lasts) this.#noticed.add(fault);
      else this.#noticed.delete(fault);
      return this.#send(at, true);
    }
    const fault = name as FaultName;
    const looksEveryMs = fault === 'VolumeIrrecoverable' ? minutes : 15_000;
    this.#timers[`${fault}Seen`] = at + this.#random() * looksEveryMs;
    const current = this.faults.get(fault);
    if (current?.end === Infinity) {
      current.end = at;
      this.#timers[fault] = at + this.#wait(days / perDay.fault);
    } else {
      this.faults.set(fault, { start: at, end: Infinity });
      this.#timers[fault] = at + 20 * minutes + this.#wait(hours);
    }
  }

  /** Waits of something that happens once in so long on average. */
  #wait(meanMs: number): number {
    return -Math.log(1 - this.#random()) * meanMs;
  }
}
