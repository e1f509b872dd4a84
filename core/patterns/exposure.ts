import { carriersOf, type RowsOf } from './carriers.ts';
import { unknownCode, type Fleet } from './fleet.ts';

/**
 * A count of customers by size, in bins: sizes to 16 have their own, larger ones share bins whose ends are 1.3 apart. A
 * size stands for its bin’s middle, at most 14 % off.
 */
const exactBins = 16;
const binRatio = Math.log(1.3);
const bins = exactBins + 1 + Math.ceil(Math.log(2 ** 24 / exactBins) / binRatio);
const binOf = (size: number): number =>
  size <= exactBins ? size : Math.min(bins - 1, exactBins + Math.ceil(Math.log(size / exactBins) / binRatio));
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

/** Who carries what: two passes over the fleet, integers only. */
export function exposureOf(fleet: Fleet): Exposure {
  const all = emptyGroup();
  eachCustomer(fleet, (from, to) => add(all, to - from));
  const tested: Tested[] = [];
  const slots = fleet.columns.map((column, attribute) => {
    const values = fleet.values[attribute]?.length ?? 0;
    const gateways = new Uint32Array(values);
    const customers = new Uint32Array(values);
    eachCarrier(fleet, column, (code, n) => {
      gateways[code]! += n;
      customers[code]! += 1;
    });
    const slot = new Int32Array(values).fill(-1);
    for (let code = unknownCode + 1; code < values; code++) {
      if (customers[code]! < customersMin || gateways[code]! < gatewaysMin) continue;
      slot[code] = tested.length;
      tested.push({
        attribute,
        code,
        carriers: emptyGroup(),
        strangers: copyOf(all),
        rest: copyOf(all),
      });
    }
    eachCarrier(fleet, column, (code, n, size) => {
      const value = tested[slot[code]!];
      if (!value) return;
      add(value.carriers, n);
      add(value.strangers, size, -1);
      add(value.rest, size, -1);
      if (size > n) add(value.rest, size - n);
    });
    return slot;
  });
  return { all, tested, slots, rowsOf: carriersOf(fleet) };
}

const emptyGroup = () => ({ customers: 0, gateways: 0, sizes: new Int32Array(bins) });
const copyOf = (group: ReturnType<typeof emptyGroup>) => ({ ...group, sizes: group.sizes.slice() });
function add(group: Group, size: number, times = 1): void {
  group.customers += times;
  group.gateways += times * size;
  (group.sizes as Int32Array)[binOf(size)]! += times;
}

function eachCustomer({ starts }: Fleet, take: (from: number, to: number) => void): void {
  for (let c = 0; c + 1 < starts.length; c++)
    if (starts[c]! < starts[c + 1]!) take(starts[c]!, starts[c + 1]!);
}

/** Calls with each value that a customer carries, how many of its gateways do, and how many it has. */
function eachCarrier(
  fleet: Fleet,
  column: Uint32Array,
  take: (code: number, carriers: number, size: number) => void,
): void {
  const carriers = new Uint32Array(column.reduce((most, code) => Math.max(most, code), 0) + 1);
  const met: number[] = [];
  eachCustomer(fleet, (from, to) => {
    for (let row = from; row < to; row++) {
      const code = column[row]!;
      if (carriers[code] === 0) met.push(code);
      carriers[code]! += 1;
    }
    for (const code of met) {
      take(code, carriers[code]!, to - from);
      carriers[code] = 0;
    }
    met.length = 0;
  });
}
