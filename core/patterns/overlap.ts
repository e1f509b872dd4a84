import type { Exposure, Tested } from './exposure.ts';
import type { Fleet } from './fleet.ts';

/** Carriers in common by carriers of either; from here on nobody can tell two values apart. */
export const jaccardMin = 0.7;
/** From here on it takes failures to tell them apart: with scores (log-likelihoods) this close they do not. */
export const rivalJaccardMin = 0.5;
export const rivalScoreMax = 3;

export interface Twin {
  value: Pick<Tested, 'attribute' | 'code'>;
  /** |both| / |either|, in gateways. */
  jaccard: number;
}

/** Values of other attributes that many of the same gateways carry, closest first. */
export function twinsOf(
  fleet: Fleet,
  { tested, rowsOf }: Exposure,
  value: Tested,
  least = jaccardMin,
): Twin[] {
  const { attribute, carriers } = value;
  const own = rowsOf(value);
  const twins = fleet.columns.flatMap((column, other) => {
    if (other === attribute) return [];
    const both = new Uint32Array(fleet.values[other]!.length);
    for (const row of own) both[column[row]!]! += 1;
    return tested
      .filter((twin) => twin.attribute === other && both[twin.code]! > 0)
      .map((twin) => ({
        value: twin,
        jaccard: both[twin.code]! / (carriers.gateways + twin.carriers.gateways - both[twin.code]!),
      }))
      .filter(({ jaccard }) => jaccard >= least);
  });
  return twins.sort((a, b) => b.jaccard - a.jaccard);
}

/** Marks of the rows that carry one of the values. */
export function marksOf(
  { rows }: Fleet,
  { rowsOf }: Exposure,
  values: readonly Pick<Tested, 'attribute' | 'code'>[],
): Uint8Array {
  const marks = new Uint8Array(rows);
  for (const value of values) for (const row of rowsOf(value)) marks[row] = 1;
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
