import { bucketsOf, rollupKinds, rollupOf, type Rollup, type RollupKind } from './rollup.ts';
import { historySignals } from './signals.ts';

/** Rollups table: pk `gatewayId`, sk `rollupKey`. A half hour costs one write unit: `rollupBytesMax`. */
export interface RollupItem {
  gatewayId: string;
  /** `half-hour#2026-11-29T16:30`: kind and start, in order of time. */
  rollupKey: string;
  counts: number[];
  /** By the signal's key. */
  signals: Record<string, (number | null)[]>;
  /** Optimistic concurrency: every write after the first asserts and raises it. */
  version: number;
  /** Unix seconds; DynamoDB may delete late, so readers ask for a range of time. */
  expiresAtSec: number;
}

/** Of an item, as DynamoDB counts them: the largest that a gateway can make of it. */
export const rollupBytesMax = { 'half-hour': 1_024, day: 4_096 } as const satisfies Record<
  RollupKind,
  number
>;

export const rollupKeyOf = (kind: RollupKind, startsAt: number): string =>
  `${kind}#${new Date(startsAt).toISOString().slice(0, 16)}`;

export function rollupItem(gatewayId: string, rollup: Rollup, version = 1): RollupItem {
  const { kind, startsAt } = rollup;
  const { counts, signals } = rollupOf(rollup, bucketsOf(rollup));
  return {
    gatewayId,
    rollupKey: rollupKeyOf(kind, startsAt),
    counts,
    signals: Object.fromEntries(
      historySignals.flatMap(({ name, key }) => (signals[name] ? [[key, signals[name]]] : [])),
    ),
    version,
    expiresAtSec: Math.ceil((startsAt + rollupKinds[kind].keptMs) / 1_000),
  };
}

export function rollupOfItem({ rollupKey, counts, signals }: RollupItem): Rollup {
  const [kind, start] = rollupKey.split('#') as [RollupKind, string];
  return {
    kind,
    startsAt: Date.parse(`${start}Z`),
    counts,
    signals: Object.fromEntries(
      historySignals.flatMap(({ name, key }) => (signals[key] ? [[name, signals[key]]] : [])),
    ),
  };
}
