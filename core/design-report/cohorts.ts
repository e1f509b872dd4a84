import { rateOf, type Rate } from '../patterns/breakdown.ts';
import { compare, sampleOf, type Ratio, type Sample } from './comparison.ts';
import type { Cell, FleetHistory } from './fleet-history.ts';
import { clusteredRate, type Cluster } from './intervals.ts';

/** How often one condition began among the gateways that carry one value. */
export interface Cohort {
  attribute: string;
  value: string;
  conditionId: string;
  customers: number;
  /** Gateways that carry it now. */
  gateways: number;
  /** On which the condition could have begun. */
  gatewayDays: number;
  /** Gateway-days on which it did. */
  onsets: number;
  /** Customers with an onset among those who carry the value. */
  hit: Rate & { customers: number };
  /** Onsets in 1,000 gateway-days. */
  rate: Rate;
  /** Against all other gateways; absent where that is not more, at too few customers, or there are no others. */
  ratio?: Ratio;
  /** The chance of as much more by luck; absent where it was not asked. */
  pValue?: number;
}

/** Fewer customers or gateways say nothing of a design. */
export const cohortMin = { customers: 5, gateways: 20 } as const;
/** Onsets at fewer customers of a cohort are those customers’ trouble. */
export const hitCustomersMin = 3;
/** Less than this many times as often is nothing to look for a fault for. */
export const ratioMin = 1.3;

/** A value that is carried, where its cells are, and by how many. */
export interface Carried {
  attribute: number;
  code: number;
  cells: number[];
  customers: number;
  gateways: number;
}

/** The history’s cells in the order of customers, and who carries which value. */
export interface CellTable {
  history: FleetHistory;
  cells: Cell[];
  carried: Carried[];
  samples: Sample[];
  /** By condition. */
  totals: Cluster[];
  /** By attribute, the cells’ codes. */
  columns: Int32Array[];
}

export function cellTable(history: FleetHistory): CellTable {
  const cells = history.cells.filter(({ days }) => days > 0).sort((a, b) => a.customer - b.customer);
  const now = gatewaysNow(history);
  const carried = history.attributes.flatMap((_, attribute) => {
    const of = new Map<number, Carried & { last: number }>();
    cells.forEach(({ customer, codes }, i) => {
      const code = codes[attribute]!;
      if (code === 0) return;
      const gateways = now[attribute]!.get(code) ?? 0;
      const one = of.get(code) ?? { attribute, code, cells: [], customers: 0, gateways, last: -1 };
      of.set(code, one);
      one.cells.push(i);
      if (one.last !== customer) one.customers += 1;
      one.last = customer;
    });
    return [...of.values()].sort((a, b) => b.gateways - a.gateways);
  });
  const samples = history.conditions.names.map((_, condition) => sampleOf(cells, condition));
  const columns = history.attributes.map((_, a) => Int32Array.from(cells, ({ codes }) => codes[a]!));
  const totals = samples.map(({ days, onsets }) => ({ days: sumOf(days), onsets: sumOf(onsets) }));
  return { history, cells, carried, samples, totals, columns };
}

const sumOf = (of: Float64Array): number => of.reduce((all, n) => all + n, 0);

function gatewaysNow({ attributes, gateways, days, firstDay }: FleetHistory): Map<number, number>[] {
  const counts = attributes.map(() => new Map<number, number>());
  const today = 1 << ((days.at(-1) ?? firstDay) - firstDay);
  for (const { codes, present } of gateways.values())
    if ((present & today) !== 0)
      codes.forEach((code, a) => counts[a]!.set(code, (counts[a]!.get(code) ?? 0) + 1));
  return counts;
}

export const isLargeEnough = ({ customers, gateways }: Pick<Carried, 'customers' | 'gateways'>): boolean =>
  customers >= cohortMin.customers && gateways >= cohortMin.gateways;

/** Compared with all others where that could say something; `undefined` of a condition that began nowhere. */
export function cohortOf(
  table: CellTable,
  carried: Carried,
  condition: number,
  carries = carriersOf(table, carried),
): Cohort | undefined {
  const { history, samples } = table;
  const sample = samples[condition]!;
  const { attribute, code } = carried;
  const clusters = clustersOf(sample, carried.cells);
  const gatewayDays = clusters.reduce((all, { days }) => all + days, 0);
  const onsets = clusters.reduce((all, { onsets }) => all + onsets, 0);
  if (gatewayDays === 0) return undefined;
  const hit = clusters.filter(({ onsets }) => onsets > 0).length;
  const { value, low, high } = clusteredRate(clusters);
  const all = table.totals[condition]!;
  const isMore = onsets * (all.days - gatewayDays) > gatewayDays * (all.onsets - onsets);
  const found = hit >= hitCustomersMin && isMore ? compare(sample, carries) : undefined;
  return {
    attribute: history.attributes[attribute]!,
    value: history.values[attribute]!.names[code]!,
    conditionId: history.conditions.names[condition]!,
    customers: clusters.length,
    gateways: carried.gateways,
    ...{ gatewayDays, onsets },
    hit: { customers: hit, ...rateOf(hit, clusters.length) },
    rate: { value: 1_000 * value, low: 1_000 * low, high: 1_000 * high },
    ...(found && { ratio: found.ratio, pValue: found.pValue }),
  };
}

/** 1 for each cell that has the value. */
export function carriersOf({ cells }: CellTable, carried: Pick<Carried, 'cells'>): Uint8Array {
  const carries = new Uint8Array(cells.length);
  for (const i of carried.cells) carries[i] = 1;
  return carries;
}

/** One for each customer: `indexes` ascend, and so do customers. */
function clustersOf({ customers, days, onsets }: Sample, indexes: readonly number[]): Cluster[] {
  const clusters: Cluster[] = [];
  let last = -1;
  for (const i of indexes) {
    if (days[i]! <= 0) continue;
    const customer = customers[i]!;
    if (customer !== last) clusters.push({ days: 0, onsets: 0 });
    last = customer;
    const cluster = clusters.at(-1)!;
    cluster.days += days[i]!;
    cluster.onsets += onsets[i]!;
  }
  return clusters;
}

/** |both| / |either|, in gateway-days. */
export function jaccard({ cells, columns }: CellTable, one: Carried, other: Carried): number {
  const daysOf = (indexes: readonly number[]) => indexes.reduce((all, i) => all + cells[i]!.days, 0);
  const column = columns[other.attribute]!;
  const both = daysOf(one.cells.filter((i) => column[i] === other.code));
  return both / (daysOf(one.cells) + daysOf(other.cells) - both);
}
