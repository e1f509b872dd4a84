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
 * `second`. It explains as well if most of the customers that failed with both failed with it.
 */
function strongestFor({ look, condition }: Seen, named: Candidate, second: Value): Candidate {
  const { fleet, exposure, window } = look;
  const carries = ({ attribute, code }: Value) => {
    const column = fleet.columns[attribute]!;
    return (row: number) => column[row] === code;
  };
  const carriers = exposure.rowsOf(second);
  const failing = (fleet.onsets[condition] ?? new Uint32Array())
    .filter((onset) => (onset & 3) <= window)
    .map((onset) => onset >>> 2)
    .filter(carries(second));
  const all = customersIn(fleet, failing);
  const scoreFor = (value: Value) => {
    const isCarrier = carries(value);
    let count = 0;
    for (const row of carriers) if (isCarrier(row)) count += 1;
    const hit = customersIn(fleet, failing.filter(isCarrier));
    return count === carriers.length ? 0 : scoreOf(hit, all - hit, count / carriers.length);
  };
  const ours = failing.filter(carries(named.value));
  let [best, bestScore] = [named, scoreFor(named.value)];
  for (const value of commonIn(fleet, ours)) {
    if (value.attribute === named.value.attribute || value.attribute === second.attribute) continue;
    const score = scoreFor(value);
    const rival = score > bestScore ? effectOf(look, value) : undefined;
    if (rival) [best, bestScore] = [rival, score];
  }
  return best;
}

/** Rows are ascending here and below, so those of one customer are neighbours. */
function customersIn({ customerOf }: Fleet, rows: Uint32Array): number {
  let count = 0;
  for (let i = 0; i < rows.length; i++)
    if (i === 0 || customerOf[rows[i]!] !== customerOf[rows[i - 1]!]) count += 1;
  return count;
}

/** What most customers in `rows` carry there. */
function commonIn(fleet: Fleet, rows: Uint32Array): Value[] {
  const least = jaccardMin * customersIn(fleet, rows);
  return fleet.columns.flatMap((column, attribute) => {
    const customers = new Map<number, { last: number; count: number }>();
    for (const row of rows) {
      const customer = fleet.customerOf[row]!;
      const met = customers.get(column[row]!);
      if (!met) customers.set(column[row]!, { last: customer, count: 1 });
      else if (met.last !== customer) [met.last, met.count] = [customer, met.count + 1];
    }
    return [...customers].flatMap(([code, { count }]) => (count < least ? [] : { attribute, code }));
  });
}
