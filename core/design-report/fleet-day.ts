import { attributeNames, type AttributeValues } from '../patterns/attributes.ts';

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
const valuesMax = 1_000;

export const dayOf = (unixMs: number): number => Math.floor(unixMs / dayMs);
/** `2026-11-28` */
export const dateText = (day: number): string => new Date(day * dayMs).toISOString().slice(0, 10);
/** Of a day that there is: not `2026-02-30`, which some parsers take for a day of March. */
export function isDate(text: string): boolean {
  const at = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : NaN;
  return !Number.isNaN(at) && dateText(dayOf(at)) === text;
}

interface Row {
  gatewayId: string;
  customer: number;
  codes: number[];
  met: readonly Met[];
}

/** Takes gateways one after the other, in any order. */
export class FleetDayBuilder {
  readonly #day: number;
  readonly #customers = new Codes();
  readonly #values = attributeNames.map(() => new Codes(''));
  readonly #rows: Row[] = [];

  constructor(day: number) {
    this.#day = day;
  }

  /** One that never said anything is not counted: nothing could have been seen of it. */
  add(
    { gatewayId, tenantId }: { gatewayId: string; tenantId: string },
    values: AttributeValues,
    met: readonly Met[],
  ): void {
    const codes = values.map((value, a) => (value === undefined ? 0 : this.#values[a]!.of(value)));
    if (codes[attributeNames.indexOf('agentVersion')] === 0) return;
    this.#rows.push({ gatewayId, customer: this.#customers.of(tenantId), codes, met });
  }

  /** Without the gateways of `silent` cells: nothing is known of them. */
  build(silent: ReadonlySet<string> = new Set()): FleetDay {
    const cell = attributeNames.indexOf('cell');
    const isSilent = this.#values[cell]!.names.map((name) => silent.has(name));
    const rows = this.#rows
      .filter(({ codes }) => !isSilent[codes[cell]!])
      .sort((a, b) => a.customer - b.customer || (a.gatewayId < b.gatewayId ? -1 : 1));
    const kept = this.#values.map(({ names }, a) => mostCarried(names, rows, a));
    return {
      day: this.#day,
      attributes: attributeNames,
      values: kept.map(({ values }) => values),
      columns: kept.map(({ codeOf }, a) => rows.map(({ codes }) => codeOf[codes[a]!]!)),
      customers: this.#customers.names,
      customerOf: rows.map(({ customer }) => customer),
      gatewayIds: rows.map(({ gatewayId }) => gatewayId),
      onsets: rowsOf(rows, ({ since }) => dayOf(since) === this.#day),
      standing: rowsOf(rows, ({ since, isNow }) => isNow && dayOf(since) < this.#day),
      left: Object.fromEntries(
        kept.flatMap(({ left }, a) => (left > 0 ? [[attributeNames[a]!, left] as const] : [])),
      ),
    };
  }
}

function rowsOf(rows: readonly Row[], is: (met: Met) => boolean): Record<string, number[]> {
  const found: Record<string, number[]> = {};
  rows.forEach(({ met }, row) => {
    for (const one of met) if (is(one)) (found[one.conditionId] ??= []).push(row);
  });
  return found;
}

/** The values that most rows carry, under new codes; the others become what is not known. */
function mostCarried(
  names: readonly string[],
  rows: readonly Row[],
  attribute: number,
): { values: string[]; codeOf: number[]; left: number } {
  const carriers = names.map(() => 0);
  for (const { codes } of rows) carriers[codes[attribute]!]! += 1;
  const carried = [...names.keys()].filter((code) => code > 0 && carriers[code]! > 0);
  const kept = carried.sort((a, b) => carriers[b]! - carriers[a]! || a - b).slice(0, valuesMax);
  const codeOf = names.map(() => 0);
  kept.forEach((code, i) => (codeOf[code] = i + 1));
  return { values: ['', ...kept.map((code) => names[code]!)], codeOf, left: carried.length - kept.length };
}

/** Codes of texts in the order of their first appearance. */
export class Codes {
  readonly names: string[];
  readonly #codes = new Map<string, number>();
  constructor(first?: string) {
    this.names = [];
    if (first !== undefined) this.of(first);
  }
  of(text: string): number {
    const known = this.#codes.get(text);
    if (known !== undefined) return known;
    this.#codes.set(text, this.names.length);
    return this.names.push(text) - 1;
  }
}
