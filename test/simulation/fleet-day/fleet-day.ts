import { isFinal, needsGo } from '../../../core/commands/states.ts';
import type { CommandKind } from '../../../core/command-kinds.ts';
import { createStatusCollector } from '../../../agent/status/collector.ts';
import { recordedHost, versions } from '../../agent/status/recorded-host.ts';
import { gatewayItem } from '../../support/gateway-item.ts';
import { seeded } from '../../support/random.ts';
import { volume } from '../../support/fleet.ts';
import { Cloud } from './cloud.ts';
import { Gateway } from './gateway.ts';
import { apiGateway, Network, type NetworkFaults } from './network.ts';
import { costDefaults, type CostParameters } from './cost-model.ts';
import type { RollupItem } from '../../../core/rollups/rollup-item.ts';
import type { RollupKind } from '../../../core/rollups/rollup.ts';
import { itemBytes, type Part, type Usage } from './usage-meter.ts';
import { VirtualClock } from './virtual-clock.ts';

const seconds = 1_000;
const minutes = 60 * seconds;
const hours = 60 * minutes;
const startAt = Date.UTC(2026, 10, 29);

export const outageKinds = ['cell', 'fleet', 'half-open'] as const;
export type OutageKind = (typeof outageKinds)[number];

export interface FleetDaySettings {
  gateways: number;
  hours: number;
  seed: number;
  cells: number;
  heartbeatIntervalMs: number;
  reconnectWindowMs: number;
  concurrencyMax: number;
  coldStartMs: number;
  commandsPerMinute: number;
  /** In this order, spread over the day. */
  outages: readonly OutageKind[];
  faults: NetworkFaults;
}

export const defaultSettings: FleetDaySettings = {
  gateways: 10_000,
  hours: 24,
  seed: 1,
  cells: 2,
  heartbeatIntervalMs: 300_000,
  reconnectWindowMs: 40_000,
  concurrencyMax: 26,
  coldStartMs: 600,
  commandsPerMinute: 20,
  outages: outageKinds,
  faults: { dialFailure: 0.02, lostDisconnect: 0.01 },
};

/** Agents start over so long: then their rollovers are spread as on any other day. */
const rampMs = 100 * minutes;
/** What is metered begins when the first rollovers are over, and ends before commands stop coming. */
const settledMs = 120 * minutes;
const lastCommandMs = 10 * minutes;
/** A cell that went away is back after so long. */
const cellDownMs = 90 * seconds;
/** Commands of this time around an outage may wait for their gateway. */
const outageMs = 5 * minutes;
/** Outside of it a command is final after so long, whatever rolls over meanwhile. */
export const commandMsMax = 10 * seconds;
const returnFactor = 1.25;
const nearRolloverMs = 15 * seconds;
const kinds: readonly CommandKind[] = [
  'probe',
  'status.get',
  'snapshot.create',
  'volume.check',
  'service.restart',
];

/** Of the commands, how many wait for `cmd.go`. */
export const needsGoShare = kinds.filter((kind) => needsGo({ kind })).length / kinds.length;

export interface OutageReport {
  kind: OutageKind;
  atHour: number;
  lost: number;
  /** From noticing to welcome, ms. */
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  /** From the cut to the last welcome, ms. */
  allBackMs: number;
  dialsPerSecMax: number;
  connectsPerSecMax: number;
}
export interface FleetDayReport {
  gateways: number;
  hours: number;
  seed: number;
  events: number;
  realSec: number;
  connects: number;
  rollovers: number;
  losses: number;
  dialsPerSecMax: number;
  connectsPerSecMax: number;
  dialsThrottled: number;
  /** By function. */
  functionsThrottled: Record<string, number>;
  commands: {
    submitted: number;
    nearRollover: number;
    p50Ms: number;
    p99Ms: number;
    maxMs: number;
    nearRolloverMaxMs: number;
  };
  outages: OutageReport[];
  /** What was billed in `meteredHours`. */
  meteredHours: number;
  usage: Record<Part, Usage>;
  /** As DynamoDB counts them, on average. */
  itemBytes: CostParameters['itemBytes'];
  violations: string[];
}

export async function simulateFleetDay(settings: FleetDaySettings): Promise<FleetDayReport> {
  const day = await FleetDay.make(settings);
  return day.run();
}

interface Sent {
  gateway: Gateway;
  at: number;
  /** The command belongs to a rollover that happened so near to it. */
  isNearRollover: boolean;
}

class FleetDay {
  readonly #settings: FleetDaySettings;
  readonly #clock = new VirtualClock(startAt);
  readonly #random: () => number;
  readonly #cloud: Cloud;
  readonly #network: Network;
  readonly #gateways: Gateway[];
  readonly #open = new Map<string, Sent>();
  readonly #waits: { ms: number; isNearRollover: boolean }[] = [];
  readonly #outages: { kind: OutageKind; at: number; lost: number }[] = [];
  readonly #violations: string[] = [];
  #commandBytes = 0;
  #submitted = 0;
  /** Commands come evenly, also where they are less than one a minute. */
  #commandsDue = 0;
  #meteredMs = 0;

  static async make(settings: FleetDaySettings): Promise<FleetDay> {
    const collector = createStatusCollector({
      host: recordedHost(),
      versions,
      bootId: 'b',
      agentStartedAt: startAt,
    });
    const inventory = await collector.inventory();
    await collector.heartbeat({ volumes: [] });
    const metrics = {
      'gateway.connection.rtt': 41,
      'gateway.connection.reconnects': 0,
      'gateway.clock.offset': 12,
    };
    const volumes = [volume(), volume({ volumeId: 'vol-2' })].map((each) => ({
      ...each,
      lastSnapshotId: '01m8atp18m7ag4e2hv0kd4hzv5',
      lastSnapshotAt: startAt,
    }));
    const taken = await collector.heartbeat({ volumes, metrics, droppedHeartbeats: 0 });
    // The recorded host is nearly full and short of memory, which would be alerts of its own.
    const filesystems = taken.filesystems.map((each) => ({ ...each, freeBytes: each.sizeBytes / 2 }));
    const uptimeMs = 30 * 24 * 3_600_000;
    const host = { 'gateway.host.oom_kills': 0, 'gateway.host.uptime': uptimeMs };
    const heartbeat = { ...taken, filesystems, metrics: { ...taken.metrics, ...host } };
    return new FleetDay(settings, { heartbeat, inventory });
  }

  private constructor(
    settings: FleetDaySettings,
    status: Pick<ConstructorParameters<typeof Gateway>[0], 'heartbeat' | 'inventory'>,
  ) {
    this.#settings = settings;
    this.#random = seeded(settings.seed);
    const cellIds = Array.from({ length: settings.cells }, (_, i) => `cell-${i + 1}`);
    this.#cloud = new Cloud(this.#clock, { ...settings, cellIds }, (...post) => this.#network.post(...post));
    this.#network = new Network(this.#clock, this.#cloud, this.#random, settings.faults);
    this.#gateways = Array.from({ length: settings.gateways }, (_, i) => {
      const gatewayId = `gw-${String(i).padStart(20, '0')}`;
      const own = cellIds.map((_, j) => cellIds[(i + j) % cellIds.length]!);
      const cells = own.map((cellId) => ({ cellId, webSocketUrl: `ws://${cellId}` }));
      const { reconnectWindowMs } = settings;
      const world = { clock: this.#clock, random: this.#random, dial: this.#network.dialer(gatewayId) };
      return new Gateway({ gatewayId, cells, reconnectWindowMs, ...status }, world);
    });
    for (const [i, { gatewayId, publicKey }] of this.#gateways.entries())
      this.#cloud.stores.gateways.set(
        gatewayId,
        gatewayItem({
          gatewayId,
          tenantId: `t-${i % 97}`,
          publicKey,
          createdAt: startAt,
          name: `gateway ${i}`,
        }),
      );
  }

  async run(): Promise<FleetDayReport> {
    const startedAt = performance.now();
    const endAt = startAt + this.#settings.hours * hours;
    for (const gateway of this.#gateways) this.#clock.set(() => gateway.start(), this.#random() * rampMs);
    this.#every(minutes, () => this.#everyMinute(endAt));
    this.#clock.set(() => {
      // Until now gateways were missing that had not started yet.
      this.#cloud.firings.length = 0;
      this.#meter(true);
    }, settledMs);
    this.#clock.set(() => this.#meter(false), endAt - startAt - lastCommandMs);
    const { outages } = this.#settings;
    const usableMs = endAt - startAt - settledMs;
    for (const [i, kind] of outages.entries())
      this.#clock.set(() => this.#breakDown(kind), settledMs + (usableMs * (i + 0.5)) / outages.length);
    await this.#clock.runUntil(endAt);
    this.#judge();
    return this.#report((performance.now() - startedAt) / 1_000);
  }

  #every(ms: number, run: () => void): void {
    this.#clock.set(() => {
      run();
      this.#every(ms, run);
    }, ms);
  }

  #everyMinute(endAt: number): void {
    this.#collect();
    void this.#cloud.sweep().catch(this.#failed);
    void this.#cloud.judge().catch(this.#failed);
    void this.#cloud.retryAlerts().catch(this.#failed);
    const { now } = this.#clock;
    if (now < startAt + rampMs || now > endAt - lastCommandMs) return;
    this.#commandsDue += this.#settings.commandsPerMinute;
    for (; this.#commandsDue >= 1; this.#commandsDue--)
      this.#clock.set(() => this.#submit(), this.#random() * minutes);
  }

  readonly #failed = (error: unknown): void => void this.#violations.push(String(error));

  #submit(): void {
    const gateway = this.#gateways[Math.floor(this.#random() * this.#gateways.length)]!;
    const item = this.#cloud.gateways.get(gateway.gatewayId)!;
    const kind = kinds[this.#submitted % kinds.length]!;
    const key = `key-${this.#submitted++}`;
    const at = this.#clock.now;
    this.#open.set(key, { gateway, at, isNearRollover: false });
    void this.#cloud.submit(gateway.gatewayId, item.tenantId, kind, key).catch(this.#failed);
  }

  /** Takes final commands out of the table: nobody asks for them any more. */
  #collect(): void {
    for (const [id, item] of this.#cloud.commands) {
      if (!isFinal(item.state)) continue;
      this.#cloud.commands.delete(id);
      this.#commandBytes += itemBytes(item);
      if (item.state !== 'SUCCEEDED')
        this.#violations.push(`${item.kind} ${item.commandId} is ${item.state}`);
      const gateway = this.#gatewayOf(item.gatewayId);
      const ms = item.audit.at(-1)!.at - item.createdAt;
      const sinceUpMs = Math.abs(gateway.upAt - item.createdAt);
      const isNearRollover = sinceUpMs < nearRolloverMs && !this.#isOutage(item.createdAt);
      this.#waits.push({ ms, isNearRollover });
      if (ms > commandMsMax && !this.#isOutage(item.createdAt))
        this.#violations.push(`${item.kind} ${item.commandId} took ${ms} ms`);
    }
  }

  #gatewayOf(gatewayId: string): Gateway {
    return this.#gateways[Number(gatewayId.slice(3))]!;
  }
  #isOutage(at: number): boolean {
    return this.#outages.some((outage) => at > outage.at - minutes && at < outage.at + outageMs);
  }

  #meter(isOn: boolean): void {
    this.#network.countMinutes();
    this.#cloud.meter.isOn = isOn;
    this.#meteredMs += isOn ? -this.#clock.now : this.#clock.now;
  }

  #breakDown(kind: OutageKind): void {
    const cellIds = [...this.#cloud.holders.keys()];
    const at = this.#clock.now;
    let lost = 0;
    if (kind === 'cell') {
      const cellId = cellIds[0]!;
      lost = this.#network.cut(cellId);
      this.#network.downCells.add(cellId);
      this.#clock.set(() => this.#network.downCells.delete(cellId), cellDownMs);
    } else
      for (const cellId of cellIds)
        lost += kind === 'fleet' ? this.#network.cut(cellId) : this.#network.sever(cellId);
    this.#outages.push({ kind, at, lost });
  }

  #judge(): void {
    this.#collect();
    const { violations } = this.#network;
    this.#violations.push(...violations);
    if (this.#cloud.commands.size > 0)
      this.#violations.push(`${this.#cloud.commands.size} commands are not final`);
    for (const firing of this.#cloud.firings) this.#violations.push(`fired: ${firing}`);
    const { endedByAge, endedByIdleness } = this.#network.figures;
    if (endedByAge > 0) this.#violations.push(`${endedByAge} connections reached their two hours`);
    const halfOpen = this.#outages
      .filter(({ kind }) => kind === 'half-open')
      .reduce((sum, { lost }) => sum + lost, 0);
    if (endedByIdleness > halfOpen)
      this.#violations.push(`${endedByIdleness} connections were idle for ten minutes`);
    const { dials } = this.#network;
    if (dials.most('tried') > apiGateway.connectsPerSecMax)
      this.#violations.push(`${dials.most('tried')} dials in one second`);
    const boundMs = returnFactor * this.#settings.reconnectWindowMs;
    for (const gateway of this.#gateways) {
      const { gatewayId, returns, tookOver } = gateway;
      if (!gateway.link.view().connected) this.#violations.push(`${gatewayId} is not connected`);
      if (tookOver > 0) this.#violations.push(`${gatewayId} took itself for a clone`);
      for (const { lostAt, ms, reason } of returns) {
        if (!this.#isOutage(lostAt)) this.#violations.push(`${gatewayId} lost its connection: ${reason}`);
        if (ms > boundMs) this.#violations.push(`${gatewayId} was back after ${Math.round(ms)} ms`);
      }
    }
  }

  #report(realSec: number): FleetDayReport {
    const views = this.#gateways.map(({ link }) => link.view());
    const sum = (of: (view: (typeof views)[number]) => number) =>
      views.reduce((total, view) => total + of(view), 0);
    const { dials, figures } = this.#network;
    const near = this.#waits.filter(({ isNearRollover }) => isNearRollover);
    return {
      gateways: this.#settings.gateways,
      hours: this.#settings.hours,
      seed: this.#settings.seed,
      events: this.#clock.count,
      realSec: Math.round(realSec),
      connects: sum(({ connects }) => connects),
      rollovers: figures.plannedCloses,
      losses: sum(({ losses }) => losses),
      dialsPerSecMax: dials.most('tried'),
      connectsPerSecMax: dials.most('opened'),
      dialsThrottled: figures.throttledDials,
      functionsThrottled: Object.fromEntries(
        [...this.#cloud.functions]
          .filter(([, { throttled }]) => throttled > 0)
          .map(([id, { throttled }]) => [id, throttled]),
      ),
      commands: {
        submitted: this.#submitted,
        nearRollover: near.length,
        ...spread(this.#waits.map(({ ms }) => ms)),
        nearRolloverMaxMs: Math.max(0, ...near.map(({ ms }) => ms)),
      },
      outages: this.#outages.map((outage) => this.#outageReport(outage)),
      meteredHours: this.#meteredMs / hours,
      usage: this.#cloud.meter.byPart,
      itemBytes: {
        gateway: meanBytes(this.#cloud.gateways.values()),
        status: meanBytes(this.#cloud.statuses.values()),
        command: this.#commandBytes / Math.max(1, this.#waits.length),
        halfHour: meanBytes(this.#rollups('half-hour')),
        // A short day has none that is whole.
        day: meanBytes(this.#rollups('day')) || costDefaults.itemBytes.day,
        ...this.#cloud.detector.bytes(),
      },
      violations: this.#violations,
    };
  }

  #rollups(kind: RollupKind): RollupItem[] {
    return [...this.#cloud.rollups.values()].filter(({ rollupKey }) => rollupKey.startsWith(kind));
  }

  #outageReport({ kind, at, lost }: { kind: OutageKind; at: number; lost: number }): OutageReport {
    const to = at + outageMs;
    const returns = this.#gateways.flatMap((gateway) =>
      gateway.returns.filter(({ lostAt }) => lostAt >= at && lostAt < to),
    );
    const { dials } = this.#network;
    return {
      kind,
      atHour: Math.round(((at - startAt) / hours) * 10) / 10,
      lost,
      ...spread(returns.map(({ ms }) => ms)),
      allBackMs: Math.round(returns.reduce((most, { lostAt, ms }) => Math.max(most, lostAt + ms - at), 0)),
      dialsPerSecMax: dials.most('tried', at, to),
      connectsPerSecMax: dials.most('opened', at, to),
    };
  }
}

function meanBytes(items: Iterable<object>): number {
  const sizes = [...items].map(itemBytes);
  return sizes.reduce((sum, size) => sum + size, 0) / Math.max(1, sizes.length);
}

function spread(values: number[]): { p50Ms: number; p99Ms: number; maxMs: number } {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (fraction: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))] ?? 0);
  return { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}
