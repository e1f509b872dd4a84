import { attributeNames, type AttributeValues } from '../patterns/attributes.ts';
import { Codes } from '../patterns/codes.ts';
import { Numbers } from '../patterns/numbers.ts';

export const dayMs = 24 * 3_600_000;

/**
 * The fleet on one day, for the design report: who was there, what they carried at its end, and what they came to meet in
 * it. Plain data, so that it can be stored: about 15 bytes for each gateway once it is packed. Rows stand in the order of
 * customers.
 */
export interface FleetDay {
  /** Since 1970, UTC. */
  day: number;
  attributes: readonly string[];
  /** Names of the values of each attribute, by code; 0 stands for what is not known. */
  values: string[][];
  /** Codes, a column for each attribute. */
  columns: number[][];
  customers: string[];
  customerOf: number[];
  gatewayIds: string[];
  /** By condition, ascending: rows that came to meet it in the day. Several times count once. */
  onsets: Record<string, number[]>;
  /** By condition: rows that met it before the day and still do at its end: they could not come to meet it. */
  standing: Record<string, number[]>;
  /** By attribute, where there are any: values too many to be kept, of which the fewest gateways are. */
  left: Record<string, number>;
}

/** How a gateway stands to one condition. */
export interface Met {
  conditionId: string;
  /** When it last came to meet it, Unix ms. */
  since: number;
  isNow: boolean;
}

/** More values than these are odd ones of few gateways each, which no report can say anything about. */
export const valuesMax = 1_000;

export const dayOf = (unixMs: number): number => Math.floor(unixMs / dayMs);
/** `2026-11-28` */
export const dateText = (day: number): string => new Date(day * dayMs).toISOString().slice(0, 10);
/** Of a day that there is: not `2026-02-30`, which some parsers take for a day of March. */
export function isDate(text: string): boolean {
  const at = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : NaN;
  return !Number.isNaN(at) && dateText(dayOf(at)) === text;
}

const [versionIndex, cellIndex] = [attributeNames.indexOf('agentVersion'), attributeNames.indexOf('cell')];

/** Takes gateways one after the other, in any order. Of each it keeps numbers in columns, and no object. */
export class FleetDayBuilder {
  readonly #day: number;
  readonly #customers = new Codes();
  readonly #values = attributeNames.map(() => new Codes(''));
  readonly #columns = attributeNames.map(() => new Numbers());
  readonly #customerOf = new Numbers();
  readonly #gatewayIds: string[] = [];
  /** Rows by condition. */
  readonly #onsets = new Map<string, Numbers>();
  readonly #standing = new Map<string, Numbers>();

  constructor(day: number) {
    this.#day = day;
  }

  /** One that never said anything is not counted: nothing could have been seen of it. */
  add(
    { gatewayId, tenantId }: { gatewayId: string; tenantId: string },
    values: AttributeValues,
    met: readonly Met[],
  ): void {
    if (!values[versionIndex]) return;
    values.forEach((value, a) =>
      this.#columns[a]!.push(value === undefined ? 0 : this.#values[a]!.of(value)),
    );
    this.#customerOf.push(this.#customers.of(tenantId));
    const row = this.#gatewayIds.push(gatewayId) - 1;
    for (const { conditionId, since, isNow } of met) {
      if (dayOf(since) === this.#day) rowsOf(this.#onsets, conditionId).push(row);
      if (isNow && dayOf(since) < this.#day) rowsOf(this.#standing, conditionId).push(row);
    }
  }

  /** Without the gateways of `silent` cells: nothing is known of them. */
  build(silent: ReadonlySet<string> = new Set()): FleetDay {
    const rows = this.#order(silent);
    const kept = this.#values.map(({ names }, a) => mostCarried(names, rows, this.#columns[a]!));
    const inOrder = <T>(of: (row: number) => T): T[] =>
      Array.from({ length: rows.length }, (_, i) => of(rows[i]!));
    return {
      day: this.#day,
      attributes: attributeNames,
      values: kept.map(({ values }) => values),
      columns: kept.map(({ codeOf }, a) => inOrder((row) => codeOf[this.#columns[a]!.at(row)]!)),
      customers: this.#customers.names,
      customerOf: inOrder((row) => this.#customerOf.at(row)),
      gatewayIds: inOrder((row) => this.#gatewayIds[row]!),
      ...this.#metIn(rows),
      left: Object.fromEntries(
        kept.flatMap(({ left }, a) => (left > 0 ? [[attributeNames[a]!, left] as const] : [])),
      ),
    };
  }

  /** Rows that are not of silent cells, in the order of customers and ids. */
  #order(silent: ReadonlySet<string>): Uint32Array {
    const isSilent = this.#values[cellIndex]!.names.map((name) => silent.has(name));
    const [cells, customers, ids] = [this.#columns[cellIndex]!, this.#customerOf, this.#gatewayIds];
    return Uint32Array.from(ids.keys())
      .filter((row) => !isSilent[cells.at(row)])
      .sort((a, b) => customers.at(a) - customers.at(b) || (ids[a]! < ids[b]! ? -1 : 1));
  }

  #metIn(rows: Uint32Array): Pick<FleetDay, 'onsets' | 'standing'> {
    const placeOf = new Int32Array(this.#gatewayIds.length).fill(-1);
    rows.forEach((row, place) => (placeOf[row] = place));
    const placed = (met: ReadonlyMap<string, Numbers>) =>
      Object.fromEntries(
        [...met].flatMap(([conditionId, { items }]) => {
          const places = Array.from(items, (row) => placeOf[row]!).filter((place) => place >= 0);
          return places.length > 0 ? [[conditionId, places.sort((a, b) => a - b)] as const] : [];
        }),
      );
    return { onsets: placed(this.#onsets), standing: placed(this.#standing) };
  }
}

function rowsOf(met: Map<string, Numbers>, conditionId: string): Numbers {
  let rows = met.get(conditionId);
  if (!rows) met.set(conditionId, (rows = new Numbers()));
  return rows;
}

/** The values that most rows carry, under new codes; the others become what is not known. */
function mostCarried(
  names: readonly string[],
  rows: Uint32Array,
  column: Numbers,
): { values: string[]; codeOf: number[]; left: number } {
  const carriers = names.map(() => 0);
  for (const row of rows) carriers[column.at(row)]! += 1;
  const carried = [...names.keys()].filter((code) => code > 0 && carriers[code]! > 0);
  const kept = carried.sort((a, b) => carriers[b]! - carriers[a]! || a - b).slice(0, valuesMax);
  const codeOf = names.map(() => 0);
  kept.forEach((code, i) => (codeOf[code] = i + 1));
  return { values: ['', ...kept.map((code) => names[code]!)], codeOf, left: carried.length - kept.length };
}
