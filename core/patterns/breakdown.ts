import type { Fleet } from './fleet.ts';
import { wilsonInterval } from './statistics.ts';

/** One value of an attribute: who carries it, and who of them meets which condition now. */
export interface BreakdownRow {
  value: string;
  customers: number;
  gateways: number;
  /** By condition, where there is any: gateways that meet it, and their customers. */
  failing: Record<string, { gateways: number; customers: number }>;
}
/** How the values of one attribute do, as of `at`. */
export interface Breakdown {
  attribute: string;
  at: number;
  all: Omit<BreakdownRow, 'value'>;
  /** Those that most gateways carry, at most 200. */
  rows: BreakdownRow[];
  /** Values that are not listed. */
  left: number;
}
/** How often it is written anew. */
export const breakdownEveryMs = 5 * 60_000;
const rowsMax = 200;

/** Of one column of a fleet whose onsets are what meets a condition now. */
export function breakdownOf(fleet: Fleet, attribute: number, at: number): Breakdown {
  const names = fleet.values[attribute] ?? [];
  const rows = names.map((value): BreakdownRow => ({ value, customers: 0, gateways: 0, failing: {} }));
  const all: Breakdown['all'] = { customers: 0, gateways: fleet.rows, failing: {} };
  const column = fleet.columns[attribute] ?? new Uint32Array();
  const seen = new LastCustomers(fleet, names.length);
  for (let row = 0; row < fleet.rows; row++) {
    const code = column[row]!;
    rows[code]!.gateways += 1;
    if (seen.isFirst(row, code)) rows[code]!.customers += 1;
    if (row === 0 || fleet.customerOf[row] !== fleet.customerOf[row - 1]) all.customers += 1;
  }
  fleet.conditionIds.forEach((conditionId, condition) => {
    const hit = new LastCustomers(fleet, names.length);
    const hitAtAll = new LastCustomers(fleet, 1);
    for (const onset of fleet.onsets[condition] ?? []) {
      const row = onset >>> 2;
      const code = column[row]!;
      count(rows[code]!, conditionId, hit.isFirst(row, code));
      count(all, conditionId, hitAtAll.isFirst(row, 0));
    }
  });
  const carried = rows.filter(({ gateways, value }) => gateways > 0 && value !== '');
  carried.sort((a, b) => b.gateways - a.gateways);
  return {
    ...{ attribute: fleet.attributes[attribute] ?? '', at, all },
    rows: carried.slice(0, rowsMax),
    left: Math.max(0, carried.length - rowsMax),
  };
}

function count({ failing }: Pick<BreakdownRow, 'failing'>, conditionId: string, isFirst: boolean): void {
  const of = (failing[conditionId] ??= { gateways: 0, customers: 0 });
  of.gateways += 1;
  if (isFirst) of.customers += 1;
}

/** Whether a customer is met for the first time with a code; rows come in the order of customers. */
class LastCustomers {
  readonly #last: Int32Array;
  readonly #fleet: Fleet;
  constructor(fleet: Fleet, codes: number) {
    this.#fleet = fleet;
    this.#last = new Int32Array(codes).fill(-1);
  }
  isFirst(row: number, code: number): boolean {
    const customer = this.#fleet.customerOf[row]!;
    if (this.#last[code] === customer) return false;
    this.#last[code] = customer;
    return true;
  }
}

/** One value and one condition, for people. */
export interface BreakdownLine extends Omit<BreakdownRow, 'failing'> {
  failing: { gateways: number; customers: number };
  /** Customers hit of those that carry it, with the bounds of its 95 % interval. */
  rate: Rate;
  /** The failing part of its gateways over that of all other gateways; absent where none of those fails. */
  ratio?: number;
}
export interface Rate {
  value: number;
  low: number;
  high: number;
}

export function breakdownLines({ all, rows }: Breakdown, conditionId: string): BreakdownLine[] {
  const none = { gateways: 0, customers: 0 };
  const total = all.failing[conditionId] ?? none;
  const lines = rows.map(({ failing, ...row }): BreakdownLine => {
    const hit = failing[conditionId] ?? none;
    const rate = rateOf(hit.customers, row.customers);
    const others = (total.gateways - hit.gateways) / (all.gateways - row.gateways);
    return {
      ...row,
      failing: hit,
      rate,
      ...(others > 0 ? { ratio: hit.gateways / row.gateways / others } : {}),
    };
  });
  return lines.sort((a, b) => b.rate.low - a.rate.low || b.gateways - a.gateways);
}

export function rateOf(count: number, of: number): Rate {
  const [low, high] = wilsonInterval(count, of);
  return { value: of > 0 ? count / of : 0, low, high };
}
