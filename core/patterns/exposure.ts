import { carriersOf, type RowsOf } from './carriers.ts';
import { unknownCode, type Fleet } from './fleet.ts';

/**
 * A count of customers by size, in bins: sizes to 16 have their own, larger ones share bins whose ends are 1.3 apart. A
 * size stands for its bin’s middle, at most 14 % off.
 */
const exactBins = 16;
const binRatio = Math.log(1.3);
const bins = exactBins + 1 + Math.ceil(Math.log(2 ** 24 / exactBins) / binRatio);
const binOf = (size: number): number => (size < binned.length ? binned[size]! : binOfLarge(size));
const binOfLarge = (size: number): number =>
  Math.min(bins - 1, exactBins + Math.ceil(Math.log(size / exactBins) / binRatio));
const binned = Uint8Array.from({ length: 4_096 }, (_, size) => (size <= exactBins ? size : binOfLarge(size)));
const middles = Float64Array.from({ length: bins }, (_, bin) =>
  bin <= exactBins ? bin : exactBins * Math.exp((bin - exactBins - 0.5) * binRatio),
);

export interface Group {
  customers: number;
  gateways: number;
  /** Customers by bin of how many gateways of theirs are in the group. */
  sizes: ArrayLike<number>;
}

/**
 * How many customers are hit on average when each gateway is by itself with chance `p`: Σ 1 − (1 − p)^n over customers
 * with n gateways.
 */
export function expectedHits({ sizes }: Pick<Group, 'sizes'>, p: number): number {
  if (p <= 0) return 0;
  const log = Math.log1p(-Math.min(p, 1 - 1e-12));
  let sum = 0;
  for (let bin = 1; bin < bins; bin++)
    if (sizes[bin]! > 0) sum -= sizes[bin]! * Math.expm1(middles[bin]! * log);
  return sum;
}

/** The chance per gateway that explains `hits` customers: `expectedHits` solved for p, by Newton’s steps from below. */
export function chancePerGateway(group: Group, hits: number): number {
  if (hits <= 0) return 0;
  if (hits >= group.customers) return 1;
  let p = Math.min(1, hits / Math.max(1, weightedSize(group)));
  for (let i = 0; i < 100; i++) {
    const missing = hits - expectedHits(group, p);
    if (missing <= 1e-9 * hits) break;
    p = Math.min(1 - 1e-12, p + missing / slope(group, p));
  }
  return p;
}

function weightedSize({ sizes }: Group): number {
  let sum = 0;
  for (let bin = 1; bin < bins; bin++) sum += sizes[bin]! * middles[bin]!;
  return sum;
}

function slope({ sizes }: Group, p: number): number {
  const log = Math.log1p(-p);
  let sum = 0;
  for (let bin = 1; bin < bins; bin++)
    if (sizes[bin]! > 0) sum += sizes[bin]! * middles[bin]! * Math.exp((middles[bin]! - 1) * log);
  return Math.max(sum, 1e-300);
}

/** A value that enough customers carry to be named, with those who do and the rest. */
export interface Tested {
  attribute: number;
  code: number;
  carriers: Group;
  /** Customers that carry it nowhere. Failures that spread inside a customer do not reach them. */
  strangers: Group;
  /** All gateways without it, those of customers that carry it elsewhere too. */
  rest: Group;
}
export interface Exposure {
  all: Group;
  tested: Tested[];
  /** Index into `tested` for each attribute and code, −1 where the value is not. */
  slots: Int32Array[];
  rowsOf: RowsOf;
}

/** Fewer customers or gateways than these can never be a pattern, so such values do not count as tests either. */
export const customersMin = 3;
export const gatewaysMin = 5;

/** Fleets are read only, so what is known of one stays true. */
const known = new WeakMap<Fleet, Exposure>();

/** Who carries what: one pass over the fleet for each attribute, integers only; the same answer for the same fleet. */
export function exposureOf(fleet: Fleet): Exposure {
  const before = known.get(fleet);
  if (before) return before;
  const sizes = customerSizes(fleet);
  const tested: Tested[] = [];
  const entries = new Uint32Array(entryWidth * fleet.rows);
  const slots = fleet.columns.map((column, attribute) => {
    const carried = new Carried(fleet, column, { values: fleet.values[attribute]?.length ?? 0, entries });
    const slot = carried.slots(tested.length);
    for (const groups of carried.groups(slot, sizes))
      tested.push({ attribute, code: groups.code, ...groups.of });
    return slot;
  });
  const exposure = { all: sizes.all, tested, slots, rowsOf: carriersOf(fleet) };
  known.set(fleet, exposure);
  return exposure;
}

interface CustomerSizes {
  all: Group;
  /** Bin of each customer’s size. */
  bin: Uint8Array;
}
function customerSizes({ starts, rows }: Fleet): CustomerSizes {
  const sizes = new Int32Array(bins);
  const bin = new Uint8Array(starts.length);
  let customers = 0;
  for (let c = 0; c + 1 < starts.length; c++) {
    const size = starts[c + 1]! - starts[c]!;
    if (size === 0) continue;
    bin[c] = binOf(size);
    sizes[bin[c]!]! += 1;
    customers += 1;
  }
  return { all: { customers, gateways: rows, sizes }, bin };
}

/** Customer, code, and how many of the customer's gateways carry it. */
const entryWidth = 3;

/** One attribute: for each customer and each value that it carries, how many of its gateways do. */
class Carried {
  readonly #starts: Uint32Array;
  /** By code. */
  readonly #gateways: Uint32Array;
  readonly #customers: Uint32Array;
  readonly #entries: Uint32Array;
  #length = 0;

  /** `entries` has room for one of each row, and is used up with the next attribute. */
  constructor(
    { starts }: Fleet,
    column: Uint32Array,
    { values, entries }: { values: number; entries: Uint32Array },
  ) {
    this.#starts = starts;
    this.#gateways = new Uint32Array(values);
    this.#customers = new Uint32Array(values);
    this.#entries = entries;
    const count = new Uint32Array(values);
    for (let c = 0; c + 1 < starts.length; c++) {
      const [from, to] = [starts[c]!, starts[c + 1]!];
      const code = column[from]!;
      let row = from + 1;
      while (row < to && column[row] === code) row += 1;
      // Most customers carry one value alone.
      if (row >= to) {
        if (from < to) this.#enter(c, code, to - from);
        continue;
      }
      for (row = from; row < to; row++) count[column[row]!]! += 1;
      for (row = from; row < to; row++) {
        const met = column[row]!;
        if (count[met] === 0) continue;
        this.#enter(c, met, count[met]!);
        count[met] = 0;
      }
    }
  }

  #enter(customer: number, code: number, carriers: number): void {
    this.#entries[this.#length] = customer;
    this.#entries[this.#length + 1] = code;
    this.#entries[this.#length + 2] = carriers;
    this.#length += entryWidth;
    this.#gateways[code]! += carriers;
    this.#customers[code]! += 1;
  }

  /** The values that are tested, numbered from `first` on by their codes; −1 for the others. */
  slots(first: number): Int32Array {
    const slots = new Int32Array(this.#gateways.length).fill(-1);
    let next = first;
    for (let code = unknownCode + 1; code < slots.length; code++)
      if (this.#customers[code]! >= customersMin && this.#gateways[code]! >= gatewaysMin)
        slots[code] = next++;
    return slots;
  }

  /** Those of each tested value, in the order of slots. */
  groups(
    slots: Int32Array,
    { all, bin }: CustomerSizes,
  ): { code: number; of: Pick<Tested, 'carriers' | 'strangers' | 'rest'> }[] {
    const codes = [...slots.keys()].filter((code) => slots[code]! >= 0);
    const first = slots[codes[0] ?? 0]!;
    // Customers by size: with a carrier, by how many carry it, and by how many do not.
    const [near, own, others] = [0, 1, 2].map(() => new Int32Array(codes.length * bins)) as Three;
    const [nearGateways, only] = [new Uint32Array(codes.length), new Uint32Array(codes.length)];
    for (let i = 0; i < this.#length; i += entryWidth) {
      const slot = slots[this.#entries[i + 1]!]!;
      if (slot < 0) continue;
      const value = slot - first;
      const [customer, carriers] = [this.#entries[i]!, this.#entries[i + 2]!];
      const size = this.#starts[customer + 1]! - this.#starts[customer]!;
      near[value * bins + bin[customer]!]! += 1;
      nearGateways[value]! += size;
      own[value * bins + binOf(carriers)]! += 1;
      if (carriers === size) only[value]! += 1;
      else others[value * bins + binOf(size - carriers)]! += 1;
    }
    return codes.map((code, value) => {
      const [from, to] = [value * bins, (value + 1) * bins];
      const [strangers, rest] = [new Int32Array(bins), new Int32Array(bins)];
      for (let b = 0; b < bins; b++) {
        strangers[b] = all.sizes[b]! - near[from + b]!;
        rest[b] = strangers[b]! + others[from + b]!;
      }
      const customers = this.#customers[code]!;
      const gateways = this.#gateways[code]!;
      return {
        code,
        of: {
          carriers: { customers, gateways, sizes: own.subarray(from, to) },
          strangers: {
            customers: all.customers - customers,
            gateways: all.gateways - nearGateways[value]!,
            sizes: strangers,
          },
          rest: {
            customers: all.customers - only[value]!,
            gateways: all.gateways - gateways,
            sizes: rest,
          },
        },
      };
    });
  }
}
type Three = [Int32Array, Int32Array, Int32Array];
