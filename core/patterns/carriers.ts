import type { Fleet } from './fleet.ts';

/** The rows that carry a value, ascending; so those of one customer are neighbours. */
export type RowsOf = (value: { attribute: number; code: number }) => Uint32Array;

/** Sorts an attribute’s rows by value when it is first asked for: 4 bytes for each gateway. */
export function carriersOf(fleet: Fleet): RowsOf {
  const sorted = fleet.columns.map((): ByCode | undefined => undefined);
  return ({ attribute, code }) => {
    const { rows, ends } = (sorted[attribute] ??= byCode(fleet, attribute));
    return rows.subarray(code === 0 ? 0 : ends[code - 1], ends[code]);
  };
}

interface ByCode {
  rows: Uint32Array;
  /** Where the rows of each code end. */
  ends: Uint32Array;
}
function byCode(fleet: Fleet, attribute: number): ByCode {
  const column = fleet.columns[attribute]!;
  const ends = new Uint32Array(fleet.values[attribute]!.length + 1);
  for (const code of column) ends[code + 1]! += 1;
  for (let code = 1; code < ends.length; code++) ends[code]! += ends[code - 1]!;
  const rows = new Uint32Array(fleet.rows);
  // Counting sort; each start moves to its end, which is where the next one starts.
  for (let row = 0; row < fleet.rows; row++) rows[ends[column[row]!]!++] = row;
  return { rows, ends };
}
