import type { AlertEvent } from '../../core/alert-event.ts';
import type { Roster } from '../../core/alerts/roster.ts';
import type { ConditionSettingsItem } from '../../core/conditions/settings.ts';
import type { ConditionLimits } from '../../core/conditions/signals.ts';
import type { Log } from '../../core/log.ts';
import type { AlertItem, GatewayItem, StatusItem } from '../../core/model.ts';
import type { InventoryFacts } from '../../core/patterns/attributes.ts';
import type { Breakdown } from '../../core/patterns/breakdown.ts';
import type { DetectorState } from '../../core/patterns/detect.ts';
import type { PatternHistory } from '../../core/patterns/history.ts';
import type { DayStore } from '../design-report/day-store.ts';
import type { HoldSource } from './hold-source.ts';

/** Alerts and their outboxes. `put` writes when the stored version is the item's minus one; false: it is not. */
export interface AlertStore {
  /** Every alert that is open, has events to emit, or was raised in the last day; may be a moment old. */
  open(): Promise<AlertItem[]>;
  /** Strongly read. */
  get(alertKey: string): Promise<AlertItem | undefined>;
  put(item: AlertItem): Promise<boolean>;
}
/** The whole fleet in two streams of pages, each read once a tick and in no order. */
export interface FleetSource {
  gateways(): AsyncIterable<readonly GatewayItem[]>;
  statuses(): AsyncIterable<readonly StatusItem[]>;
  /** Kept from tick to tick: most of a fleet stays what it is. @default - a new one each tick */
  roster?: Roster;
  /** How to learn of the few gateways that changed. @default - all are read at each look */
  changes?: GatewayChanges;
  /** What tenants want otherwise of conditions. @default nothing */
  settings?(): Promise<ConditionSettingsItem[]>;
}
export interface GatewayChanges {
  /** Gateways of which something changed since then that no status tells, but for what is known. */
  since(
    ms: number,
    isKnown: (gatewayId: string, newsAt: number) => boolean,
  ): AsyncIterable<readonly GatewayItem[]>;
  /** Those that exist, in any order; may be a moment old. */
  byIds(gatewayIds: readonly string[]): Promise<readonly GatewayItem[]>;
}
/** Emits at least once; answers with the ids of the events that were taken. */
export interface EventSink {
  put(events: readonly AlertEvent[]): Promise<Set<string>>;
}
/** What inventories say, from memory. */
export interface InventorySource {
  /** Undefined where the inventory of this hash is not known yet; it is asked for then. */
  factsOf(gatewayId: string, hash: string | undefined): InventoryFacts | undefined;
  /** Reads some of those that were asked for, for the next tick. */
  load(): Promise<void>;
}
/** What the detector of patterns remembers from tick to tick. */
export interface DetectorStore {
  load(): Promise<{ state: DetectorState | undefined; history: PatternHistory }>;
  /** Over the version before it; false where another proxy was first. With `history`, that is kept with it. */
  save(next: DetectorState, history?: PatternHistory): Promise<boolean>;
  putBreakdown(breakdown: Breakdown): Promise<void>;
}
export interface PatternDeps {
  readonly detector: DetectorStore;
  readonly inventory: InventorySource;
  /** How often the fleet is looked at. */
  readonly tickMs: number;
}

/** The parts of a tick, in their order. */
export const tickPhases = [
  /** Open alerts and what the detector remembers are read. */
  'recall',
  'gateways',
  /** Read, and each gateway judged by its own. */
  'statuses',
  /** The fleet is put in the order of customers. */
  'columns',
  'detect',
  'breakdown',
  /** Alerts are changed and written. */
  'judge',
  'emit',
] as const;
export type TickPhase = (typeof tickPhases)[number];

export interface TickDeps {
  alerts: AlertStore;
  fleet: FleetSource;
  events: EventSink;
  limits: ConditionLimits;
  /** @default - nobody holds anything back */
  holds?: HoldSource;
  /** @default - nobody looks for patterns, and a late tick is as any other */
  patterns?: PatternDeps;
  /** @default - no design report: nothing is kept of the days */
  days?: DayStore;
  now: () => number;
  log: Log;
  /** Told when a part begins. @default - nobody asks where the time goes */
  begin?: (phase: TickPhase) => void;
}
