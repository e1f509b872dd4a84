import { Codes } from './codes.ts';
import { Numbers } from './numbers.ts';

/** How long each window looks back; onsets of a shorter one are in the longer ones too. */
export const windowsMs = [15 * 60_000, 3_600_000, 24 * 3_600_000] as const;
export type WindowIndex = 0 | 1 | 2;
export const windowIndexes = [0, 1, 2] as const;

/** The code of an attribute whose value is not known; never tested. */
export const unknownCode = 0;

/**
 * A fleet in columns, rows in the order of customers: 4 bytes for each gateway and attribute, nothing else is kept of it.
 * Read only.
 */
export interface Fleet {
  readonly attributes: readonly string[];
  /** Names of the values of each attribute, by code. */
  readonly values: readonly (readonly string[])[];
  readonly customers: readonly string[];
  readonly conditionIds: readonly string[];
  /** Number of gateways. */
  readonly rows: number;
  /** Code of each row's customer; equal ones are neighbours. */
  readonly customerOf: Uint32Array;
  /** First row of each customer that has any, and the number of rows as the last entry. */
  readonly starts: Uint32Array;
  /** Codes of the values, a column for each attribute. */
  readonly columns: readonly Uint32Array[];
  /** For each condition, ascending: row × 4 + index of the shortest window that holds its newest onset. */
  readonly onsets: readonly Uint32Array[];
}

/** Takes gateways one after the other, in any order, and keeps integers of them. */
export class FleetBuilder {
  readonly #attributes: readonly string[];
  readonly #conditionIds: readonly string[];
  readonly #customers = new Codes();
  readonly #values: Codes[];
  readonly #customerOf = new Numbers();
  readonly #columns: Numbers[];
  readonly #onsets: Numbers[];

  constructor(attributes: readonly string[], conditionIds: readonly string[]) {
    this.#attributes = attributes;
    this.#conditionIds = conditionIds;
    this.#values = attributes.map(() => new Codes(''));
    this.#columns = attributes.map(() => new Numbers());
    this.#onsets = conditionIds.map(() => new Numbers());
  }

  /**
   * A gateway that could be judged in the window (fresh, or lost: not in a frozen cell). `values` stand in the order of
   * the attributes; undefined: not known. Answers with its row, for `onset`.
   */
  add(customerId: string, values: readonly (string | undefined)[]): number {
    const row = this.#customerOf.length;
    this.#customerOf.push(this.#customers.of(customerId));
    for (let a = 0; a < this.#columns.length; a++) {
      const value = values[a];
      this.#columns[a]!.push(value === undefined ? unknownCode : this.#values[a]!.of(value));
    }
    return row;
  }

  /** Code of a row's customer: an index into `customerNames`. */
  customerOf(row: number): number {
    return this.#customerOf.at(row);
  }
  get customerNames(): readonly string[] {
    return this.#customers.names;
  }

  /** The gateway came to meet the condition (index into `conditionIds`) `ageMs` ago; repeated ones count once. */
  onset(row: number, condition: number, ageMs: number): void {
    const window = windowsMs.findIndex((ms) => ageMs < ms);
    if (window >= 0 && ageMs >= 0) this.#onsets[condition]?.push(row * 4 + window);
  }

  /** The fleet, sorted by customers. The builder is used up. */
  build(): Fleet {
    const rows = this.#customerOf.length;
    const next = new Uint32Array(this.#customers.names.length + 1);
    for (const customer of this.#customerOf.items) next[customer + 1]! += 1;
    for (let c = 1; c < next.length; c++) next[c]! += next[c - 1]!;
    const starts = Uint32Array.from(next);
    const place = this.#customerOf.items.map((customer) => next[customer]!++);
    const sorted = (numbers: Numbers): Uint32Array => {
      const column = new Uint32Array(rows);
      const { items } = numbers;
      for (let row = 0; row < rows; row++) column[place[row]!] = items[row]!;
      return column;
    };
    return {
      attributes: this.#attributes,
      conditionIds: this.#conditionIds,
      customers: this.#customers.names,
      values: this.#values.map(({ names }) => names),
      rows,
      customerOf: sorted(this.#customerOf),
      starts,
      columns: this.#columns.map(sorted),
      onsets: this.#onsets.map(({ items }) => newest(items.map((o) => place[o >>> 2]! * 4 + (o & 3)))),
    };
  }
}

/** One onset for each row, the newest. */
function newest(onsets: Uint32Array): Uint32Array {
  onsets.sort();
  return onsets.filter((onset, i) => i === 0 || onset >>> 2 !== onsets[i - 1]! >>> 2);
}

/** The fleet without the gateways whose mark is 0; `keep` has a mark for each row. */
export function restrict(fleet: Fleet, keep: Uint8Array): Fleet {
  const rowOf = new Uint32Array(fleet.rows);
  let rows = 0;
  for (let row = 0; row < fleet.rows; row++) if (keep[row] === 1) rowOf[row] = rows++;
  // A loop: `filter` of a typed array takes ten times as long.
  const kept = (column: Uint32Array): Uint32Array => {
    const rest = new Uint32Array(rows);
    for (let row = 0; row < fleet.rows; row++) if (keep[row] === 1) rest[rowOf[row]!] = column[row]!;
    return rest;
  };
  const customerOf = kept(fleet.customerOf);
  const starts = new Numbers();
  for (let row = 0; row < rows; row++)
    if (row === 0 || customerOf[row] !== customerOf[row - 1]) starts.push(row);
  starts.push(rows);
  return {
    ...fleet,
    rows,
    customerOf,
    starts: starts.items,
    columns: fleet.columns.map(kept),
    onsets: fleet.onsets.map((onsets) =>
      onsets.filter((o) => keep[o >>> 2] === 1).map((o) => rowOf[o >>> 2]! * 4 + (o & 3)),
    ),
  };
}
