import { silentLog } from '../../../core/log.ts';
import type { AlertItem, InventoryItem } from '../../../core/model.ts';
import { Roster } from '../../../core/alerts/roster.ts';
import { dayMs } from '../../../core/design-report/fleet-day.ts';
import type { DetectorState } from '../../../core/patterns/detect.ts';
import { windowIndexes, windowsMs, type Fleet } from '../../../core/patterns/fleet.ts';
import {
  memoryMs,
  noHistory,
  remember,
  type PastCounts,
  type PatternHistory,
} from '../../../core/patterns/history.ts';
import { cachedInventory } from '../../../lambda/alerts/inventory-source.ts';
import { lookAtFleet } from '../../../lambda/alerts/look-at-fleet.ts';
import { tickPhases, type TickDeps, type TickPhase } from '../../../lambda/alerts/ports.ts';
import { runTick, type TickReport } from '../../../lambda/alerts/tick.ts';
import type { DayStore } from '../../../lambda/design-report/day-store.ts';
import { packed } from '../../../lambda/aws/packed.ts';
import { conditionLimits, minutes } from '../../support/fleet.ts';
import { World, type WorldOptions } from './world.ts';

export interface Taken {
  wallMs: number;
  /** Of all threads: the collector's too. */
  cpuMs: number;
}
export interface MeasuredLook extends Taken {
  report: TickReport;
  /** In the day that was kept; 0: none was. */
  dayGateways: number;
  phases: Record<TickPhase, Taken>;
  /** What the fleet's making took, which stands for the store; not in the above. */
  made: Taken;
}

/** So many looks let alerts come before one is measured. */
const looksBefore = 1;

export interface LookOptions extends WorldOptions {
  /** Each look keeps the day that is over for the design report, as the first one after midnight does. @default false */
  keepsDay?: boolean;
  /** Looks read the news of the gateways alone, as all but one an hour do. @default false */
  readsNews?: boolean;
}

/** Looks at a fleet, one a minute; the last of those measured ends an hour. */
export async function measuredLooks(options: LookOptions, count = 2): Promise<MeasuredLook[]> {
  const world = new World(options);
  const stage = new Stage(world, options);
  // The hour is over when the last look begins: where days are kept, the first one of a day.
  if (options.keepsDay) world.now = Math.ceil(world.now / dayMs) * dayMs + minutes;
  world.now = Math.ceil(world.now / windowsMs[1]) * windowsMs[1] - (count + looksBefore - 1) * minutes;
  await stage.readInventories(options.gateways);
  await stage.makeHistory();
  const looks: MeasuredLook[] = [];
  for (let i = 0; i < looksBefore + count; i++, world.now += minutes) {
    const look = await stage.look();
    if (i >= looksBefore) looks.push(look);
  }
  return looks;
}

/** The proxy with all that it has but the store and the bus, which answer from memory. */
class Stage {
  readonly #world: World;
  readonly #keepsDay: boolean;
  readonly #readsNews: boolean;
  #dayGateways = 0;
  readonly #alerts = new Map<string, AlertItem>();
  readonly #watch = new PhaseWatch();
  readonly #roster = new Roster();
  readonly #inventory: ReturnType<typeof cachedInventory>;
  /** The numbers of the gateways whose inventories are being read. */
  readonly #asked = new Map<string, number>();
  #state: DetectorState | undefined;
  #history: PatternHistory = noHistory();

  constructor(world: World, { keepsDay = false, readsNews = false }: LookOptions) {
    this.#world = world;
    this.#keepsDay = keepsDay;
    this.#readsNews = readsNews;
    this.#inventory = cachedInventory({
      batchGet: (keys) =>
        Promise.resolve(
          keys.map(({ gatewayId }): InventoryItem => world.inventory(this.#asked.get(gatewayId)!)),
        ),
    });
  }
  /** As the looks of the last hours did. */
  async readInventories(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const item = this.#world.inventory(i);
      this.#asked.set(item.gatewayId, i);
      this.#inventory.factsOf(item.gatewayId, item.inventory.hash);
      if (this.#asked.size < 5_000 && i + 1 < count) continue;
      await this.#inventory.load();
      this.#asked.clear();
    }
  }

  /** As large as it is after 14 days that were like this minute. */
  async makeHistory(): Promise<void> {
    const { fleet } = await lookAtFleet(this.#deps(), { open: [], now: this.#world.now });
    this.#history = historyLike(fleet);
  }

  async look(): Promise<MeasuredLook> {
    this.#watch.reset();
    const report = await runTick(this.#deps());
    return { report, dayGateways: this.#dayGateways, ...this.#watch.taken() };
  }

  /** Packs a day as the store does, and never has one. */
  readonly #days: DayStore = {
    has: () => Promise.resolve(false),
    put: (fleet) => {
      this.#dayGateways = packed(fleet).length > 0 ? fleet.gatewayIds.length : 0;
      return Promise.resolve(true);
    },
    get: () => Promise.resolve(undefined),
  };

  #deps(): TickDeps {
    const [world, alerts, watch] = [this.#world, this.#alerts, this.#watch];
    return {
      alerts: {
        open: async () => [...alerts.values()].filter(({ openShard }) => openShard !== undefined),
        get: async (alertKey) => alerts.get(alertKey),
        put: async (item) => Boolean(alerts.set(item.alertKey, item)),
      },
      fleet: {
        roster: this.#roster,
        gateways: () => watch.apart(world.gateways()),
        statuses: () => watch.apart(world.statuses()),
        ...(this.#readsNews && {
          changes: {
            since: (since: number) => watch.apart(world.news(since)),
            byIds: (ids: readonly string[]) => Promise.resolve(world.byIds(ids)),
          },
        }),
      },
      events: { put: async (events) => new Set(events.map(({ eventId }) => eventId)) },
      limits: conditionLimits,
      days: this.#keepsDay ? this.#days : undefined,
      patterns: {
        tickMs: minutes,
        inventory: this.#inventory,
        detector: {
          load: async () => ({ state: this.#state, history: this.#history }),
          save: async (next) => Boolean((this.#state = next)),
          putBreakdown: async () => undefined,
        },
      },
      now: () => world.now,
      log: silentLog,
      begin: (phase) => watch.begin(phase),
    };
  }
}

/** Sums as they are after weeks of windows that all were like this one. */
function historyLike(fleet: Fleet): PatternHistory {
  const history = noHistory();
  for (const window of windowIndexes) remember(history, fleet, window);
  const scale = windowsMs.map((ms) => (memoryMs / ms) * (1 - Math.exp(-1)));
  const grow = (sums: PastCounts['customers']) =>
    windowIndexes.forEach((window) => (sums[window] *= scale[window]!));
  for (const past of [history.fleet, ...Object.values(history.values)])
    for (const sums of [
      past.customers,
      past.gateways,
      ...Object.values(past.hits),
      ...Object.values(past.failing),
    ])
      grow(sums);
  return { ...history, watchedMs: memoryMs };
}

/** Tells how long each phase takes, and leaves out what is done apart. */
class PhaseWatch {
  #phases = new Map<TickPhase, Taken>();
  #current: TickPhase | undefined;
  #since = now();
  #made: Taken = { wallMs: 0, cpuMs: 0 };

  reset(): void {
    this.#phases = new Map();
    this.#current = undefined;
    this.#made = { wallMs: 0, cpuMs: 0 };
  }

  begin(phase: TickPhase): void {
    this.#close();
    this.#current = phase;
  }

  async *apart<T>(items: Iterator<T>): AsyncGenerator<T> {
    for (;;) {
      this.#close();
      const from = this.#since;
      const { value, done } = items.next();
      this.#since = now();
      this.#made = sum(this.#made, minus(this.#since, from));
      if (done) return;
      yield value;
    }
  }

  taken(): Omit<MeasuredLook, 'report' | 'dayGateways'> {
    this.#close();
    const none = { wallMs: 0, cpuMs: 0 };
    const phases = Object.fromEntries(
      tickPhases.map((phase) => [phase, this.#phases.get(phase) ?? none]),
    ) as Record<TickPhase, Taken>;
    return { ...Object.values(phases).reduce(sum, none), phases, made: this.#made };
  }

  #close(): void {
    const at = now();
    if (this.#current) {
      const before = this.#phases.get(this.#current) ?? { wallMs: 0, cpuMs: 0 };
      this.#phases.set(this.#current, sum(before, minus(at, this.#since)));
    }
    this.#since = at;
  }
}

function now(): Taken {
  const { user, system } = process.cpuUsage();
  return { wallMs: performance.now(), cpuMs: (user + system) / 1_000 };
}
const sum = (a: Taken, b: Taken): Taken => ({ wallMs: a.wallMs + b.wallMs, cpuMs: a.cpuMs + b.cpuMs });
const minus = (a: Taken, b: Taken): Taken => ({ wallMs: a.wallMs - b.wallMs, cpuMs: a.cpuMs - b.cpuMs });
