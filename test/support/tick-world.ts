import type { AlertEvent } from '../../core/alert-event.ts';
import type { ConditionSettingsItem } from '../../core/conditions/settings.ts';
import { silentLog, type Log } from '../../core/log.ts';
import type { AlertItem, GatewayItem, StatusItem } from '../../core/model.ts';
import type { Breakdown } from '../../core/patterns/breakdown.ts';
import type { DetectorState } from '../../core/patterns/detect.ts';
import { noHistory, type PatternHistory } from '../../core/patterns/history.ts';
import type { PatternDeps, TickDeps } from '../../lambda/alerts/ports.ts';
import { runTick, type TickReport } from '../../lambda/alerts/tick.ts';
import { conditionLimits, gatewayItem, minutes, statusItem, pagesOf, t0 } from './fleet.ts';

export const tickMs = minutes;
/** Called around each thing that a tick does to the world: it may throw before or after. */
export type Effect = <T>(perform: () => T) => Promise<T>;
const plainly: Effect = async (perform) => perform();

/** A fleet, its alerts and the detector's memory, in this process and by a clock that stands until it is told to go. */
export class TickWorld {
  readonly gateways = new Map<string, GatewayItem>();
  readonly statuses = new Map<string, StatusItem>();
  readonly alerts = new Map<string, AlertItem>();
  readonly events: AlertEvent[] = [];
  readonly breakdowns = new Map<string, Breakdown>();
  now = t0;
  state: DetectorState | undefined;
  /** As if the fleet had been watched for weeks, without anything. */
  history: PatternHistory = {
    ...noHistory(),
    watchedMs: 14 * 24 * 60 * minutes,
    fleet: { customers: [1e5, 1e5, 1e4], gateways: [2e5, 2e5, 2e4], hits: {}, failing: {} },
  };
  /** What tenants have set of conditions. */
  readonly settings: ConditionSettingsItem[] = [];
  /** Gateways that nobody hears of. */
  readonly dark = new Set<string>();
  detectorFails = false;
  log: Log = silentLog;

  add(gateway: Partial<GatewayItem> & { gatewayId: string; tenantId: string }): void {
    const item = gatewayItem(gateway);
    this.gateways.set(item.gatewayId, item);
  }

  goDark(gatewayIds: Iterable<string>): void {
    for (const gatewayId of gatewayIds) {
      this.dark.add(gatewayId);
      const { route: _route, ...gateway } = this.gateways.get(gatewayId)!;
      this.gateways.set(gatewayId, { ...gateway, routeLostAt: this.now });
    }
  }

  comeBack(gatewayIds: Iterable<string>): void {
    for (const gatewayId of gatewayIds) {
      this.dark.delete(gatewayId);
      const { routeLostAt: _lost, ...gateway } = this.gateways.get(gatewayId)!;
      this.gateways.set(gatewayId, { ...gateway, route: gatewayItem({}).route });
    }
  }

  /** A minute passes: everybody who is heard of reports, and the proxy looks. */
  async tick(effect: Effect = plainly): Promise<TickReport> {
    this.now += tickMs;
    return this.look(effect);
  }

  /** A minute passes, and everybody who is heard of reports. */
  passMinute(): void {
    this.now += tickMs;
    this.#report();
  }

  look(effect: Effect = plainly): Promise<TickReport> {
    this.#report();
    return runTick(this.deps(effect));
  }

  #report(): void {
    for (const { gatewayId, tenantId } of this.gateways.values())
      if (!this.dark.has(gatewayId))
        this.statuses.set(gatewayId, statusItem({ gatewayId, tenantId, receivedAt: this.now }));
  }

  deps(effect: Effect = plainly): TickDeps {
    return {
      alerts: {
        open: () =>
          effect(() => [...this.alerts.values()].filter(({ openShard }) => openShard !== undefined)),
        get: (alertKey) => effect(() => this.alerts.get(alertKey)),
        put: (item) => effect(() => this.#put(item)),
      },
      fleet: {
        gateways: () => pagesOf(effect(() => [...this.gateways.values()])),
        statuses: () => pagesOf(effect(() => [...this.statuses.values()])),
        settings: () => effect(() => this.settings),
      },
      events: {
        put: (events) =>
          effect(() => {
            this.events.push(...events);
            return new Set(events.map(({ eventId }) => eventId));
          }),
      },
      limits: conditionLimits,
      patterns: this.#patterns(effect),
      now: () => this.now,
      log: this.log,
    };
  }

  #put(item: AlertItem): boolean {
    if ((this.alerts.get(item.alertKey)?.version ?? 0) !== item.version - 1) return false;
    this.alerts.set(item.alertKey, item);
    return true;
  }

  #patterns(effect: Effect): PatternDeps {
    return {
      tickMs,
      inventory: { factsOf: () => undefined, load: () => Promise.resolve() },
      detector: {
        load: () => effect(() => ({ state: this.state, history: structuredClone(this.history) })),
        save: (next, history) =>
          effect(() => {
            if (this.detectorFails) throw new Error('the detector’s table is away');
            if ((this.state?.version ?? 0) !== next.version - 1) return false;
            this.state = next;
            if (history) this.history = history;
            return true;
          }),
        putBreakdown: (breakdown) => effect(() => void this.breakdowns.set(breakdown.attribute, breakdown)),
      },
    };
  }

  /** The distinct events since the last call, as the bus has them at least once. */
  heard(): AlertEvent[] {
    const events = new Map(this.events.splice(0).map((event) => [event.eventId, event]));
    return [...events.values()];
  }
}

/** A region and the rest: each customer has `each` gateways, all in one of the two. */
export function furnishRegions(
  world: TickWorld,
  { inside, outside, each }: { inside: number; outside: number; each: number },
): { region: string[] } {
  const region: string[] = [];
  for (let customer = 0; customer < inside + outside; customer++)
    for (let g = 0; g < each; g++) {
      const isInside = customer < inside;
      const gatewayId = `gw-${customer}-${g}`;
      if (isInside) region.push(gatewayId);
      world.add({
        gatewayId,
        tenantId: `customer-${customer}`,
        labels: { region: isInside ? 'north' : 'south', isp: `isp-${customer % 17}` },
      });
    }
  return { region };
}
