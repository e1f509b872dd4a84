import type { Tested } from './exposure.ts';
import { restrict, type Fleet } from './fleet.ts';
import { jaccardMin, marksOf } from './overlap.ts';
import { effectOf, ranked, scoreOf, type Candidate, type Look } from './significance.ts';

type Value = Pick<Tested, 'attribute' | 'code'>;

/** What stands out among the carriers of a value, and the look at them. */
export interface Side {
  look: Look;
  strongest: Candidate;
  significant: readonly Candidate[];
}
/** A value, and the second one where the two together are worse still. */
export interface Cause {
  first: Candidate;
  second: Side | undefined;
}
export interface Seen {
  look: Look;
  /** Index of the condition. */
  condition: number;
  /** The same look at a part of the fleet. */
  lookIn: (fleet: Fleet) => Look;
}

/**
 * What `strongest` is about. Where its carriers fail with a second value only, all carriers that lack the second one dilute it:
 * a value that goes with the true one (a firmware that runs on that model alone) may by luck look stronger. Among those
 * of the second value nothing dilutes, so there it is asked again who is the first.
 */
export function causeOf(seen: Seen, strongest: Candidate): Cause {
  const second = strongestAmong(seen, strongest.value);
  const first = second ? strongestFor(seen, strongest, second.strongest.value) : strongest;
  return { first, second: first === strongest ? second : strongestAmong(seen, first.value) };
}

/** The strongest value of another attribute among the carriers of one. */
function strongestAmong({ look: { fleet, exposure }, lookIn }: Seen, value: Value): Side | undefined {
  const look = lookIn(restrict(fleet, marksOf(fleet, exposure, [value])));
  const { strongest, significant } = ranked([look]);
  if (!strongest || strongest.value.attribute === value.attribute) return undefined;
  return { look, strongest, significant };
}

/**
 * Of `named` and all that have an effect and explain as well what is seen of it, the strongest among the carriers of
 * `second`. It explains as well if most of the customers that failed with both failed with it. One pass over the carriers
 * for each attribute, however many values it has.
 */
function strongestFor({ look, condition }: Seen, named: Candidate, second: Value): Candidate {
  const { fleet, exposure, window } = look;
  const secondColumn = fleet.columns[second.attribute]!;
  const namedColumn = fleet.columns[named.value.attribute]!;
  const carriers = exposure.rowsOf(second);
  const failing = (fleet.onsets[condition] ?? new Uint32Array())
    .filter((onset) => (onset & 3) <= window)
    .map((onset) => onset >>> 2)
    .filter((row) => secondColumn[row] === second.code);
  const ours = failing.filter((row) => namedColumn[row] === named.value.code);
  const all = customersIn(fleet, failing);
  const least = jaccardMin * customersIn(fleet, ours);
  const scoresOf = (attribute: number) => {
    const column = fleet.columns[attribute]!;
    const counts = new Uint32Array(fleet.values[attribute]!.length);
    for (const row of carriers) counts[column[row]!]! += 1;
    const hits = customersByCode(fleet, column, failing);
    return (code: number): number => {
      const [count, hit] = [counts[code]!, hits.get(code) ?? 0];
      return count === carriers.length ? 0 : scoreOf(hit, all - hit, count / carriers.length);
    };
  };
  let [best, bestScore] = [named, scoresOf(named.value.attribute)(named.value.code)];
  fleet.columns.forEach((column, attribute) => {
    if (attribute === named.value.attribute || attribute === second.attribute) return;
    const scoreFor = scoresOf(attribute);
    for (const [code, count] of customersByCode(fleet, column, ours)) {
      if (count < least) continue;
      const score = scoreFor(code);
      const rival = score > bestScore ? effectOf(look, { attribute, code }) : undefined;
      if (rival) [best, bestScore] = [rival, score];
    }
  });
  return best;
}

/** Rows are ascending here and below, so those of one customer are neighbours. */
function customersIn({ customerOf }: Fleet, rows: Uint32Array): number {
  let count = 0;
  for (let i = 0; i < rows.length; i++)
    if (i === 0 || customerOf[rows[i]!] !== customerOf[rows[i - 1]!]) count += 1;
  return count;
}

/** How many customers carry each value in `rows`. */
function customersByCode({ customerOf }: Fleet, column: Uint32Array, rows: Uint32Array): Map<number, number> {
  const counts = new Map<number, number>();
  const lastOf = new Map<number, number>();
  for (const row of rows) {
    const [code, customer] = [column[row]!, customerOf[row]!];
    if (lastOf.get(code) === customer) continue;
    lastOf.set(code, customer);
    counts.set(code, (counts.get(code) ?? 0) + 1);
  }
  return counts;
}
