import type { Exposure, Tested } from './exposure.ts';
import type { Fleet } from './fleet.ts';

/** Carriers in common by carriers of either; from here on nobody can tell two values apart. */
export const jaccardMin = 0.7;

export interface Twin {
  value: Pick<Tested, 'attribute' | 'code'>;
  /** |both| / |either|, in gateways. */
  jaccard: number;
}

/** Values of other attributes that nearly the same gateways carry, closest first. */
export function twinsOf(fleet: Fleet, exposure: Exposure, { attribute, code, carriers }: Tested): Twin[] {
  const own = fleet.columns[attribute]!;
  const twins = fleet.columns.flatMap((column, other) => {
    if (other === attribute) return [];
    const both = new Uint32Array(fleet.values[other]!.length);
    for (let row = 0; row < fleet.rows; row++) if (own[row] === code) both[column[row]!]! += 1;
    return exposure.tested
      .filter((tested) => tested.attribute === other && both[tested.code]! > 0)
      .map((value) => ({
        value,
        jaccard: both[value.code]! / (carriers.gateways + value.carriers.gateways - both[value.code]!),
      }))
      .filter(({ jaccard }) => jaccard >= jaccardMin);
  });
  return twins.sort((a, b) => b.jaccard - a.jaccard);
}

/** Marks of the rows that carry one of the values. */
export function carriersOf(fleet: Fleet, values: readonly Pick<Tested, 'attribute' | 'code'>[]): Uint8Array {
  const marks = new Uint8Array(fleet.rows);
  for (const { attribute, code } of values) {
    const column = fleet.columns[attribute]!;
    for (let row = 0; row < fleet.rows; row++) if (column[row] === code) marks[row] = 1;
  }
  return marks;
}

/**
 * Marks of the rows that `carriers` do not explain: neither carriers nor any gateway of a customer with a failing one. A
 * customer that is hit is evidence once.
 */
export function unexplained(
  fleet: Fleet,
  carriers: Uint8Array,
  condition: number,
  window: number,
): Uint8Array {
  const hit = new Set<number>();
  for (const onset of fleet.onsets[condition] ?? [])
    if ((onset & 3) <= window && carriers[onset >>> 2] === 1) hit.add(fleet.customerOf[onset >>> 2]!);
  return carriers.map((carrier, row) => (carrier === 1 || hit.has(fleet.customerOf[row]!) ? 0 : 1));
}
