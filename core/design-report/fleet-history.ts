import { Codes } from '../patterns/codes.ts';
import type { FleetDay } from './fleet-day.ts';

/** A report looks back as far as one number has bits for days. */
export const historyDays = 30;

/** The condition whose standing hides every other: of who is not heard, nothing is seen to begin. */
const silentCondition = 'Offline';

/** That a gateway carried another value than before, first seen on `day` (index into the history). */
export interface Change {
  attribute: number;
  day: number;
  from: number;
  to: number;
}
/** What is kept of one gateway over the history. */
export interface GatewayPast {
  customer: number;
  /** What it carries now, or carried last; 0: never known. */
  codes: number[];
  cell: number;
  /** A bit for each day on which it was there and heard. */
  present: number;
  /** `condition × 32 + day` */
  onsets: number[];
  standing: number[];
  changes: Change[];
}

/** The history in parts of so many days: what is compared is compared inside of one, so that no trend looks like a cohort. */
const periodDays = 5;
export const periodCount = Math.ceil(historyDays / periodDays);

/** Gateways of one customer that carry the same of everything, in one part of the history. */
export interface Cell {
  customer: number;
  period: number;
  codes: readonly number[];
  /** Gateway-days on which something could have been seen to begin. */
  days: number;
  /** By condition, where there are any. */
  onsets?: Map<number, number>;
  /** Gateway-days on which the condition was met already. */
  standing?: Map<number, number>;
}

/** Joins the days, oldest first. Codes are the history’s own, the same on each day. */
export class FleetHistory {
  readonly attributes: readonly string[];
  /** The first of them, since 1970. */
  readonly firstDay: number;
  readonly customers = new Codes();
  readonly conditions = new Codes();
  readonly values: Codes[];
  readonly gateways = new Map<string, GatewayPast>();
  readonly cells: Cell[] = [];
  /** Days that are there, since 1970. */
  readonly days: number[] = [];
  readonly left: Record<string, number> = {};
  readonly #cellOf = new Map<string, number>();

  constructor(attributes: readonly string[], firstDay: number) {
    this.attributes = attributes;
    this.firstDay = firstDay;
    this.values = attributes.map(() => new Codes(''));
  }

  /** Later than all before it, and within `historyDays`; others are passed over. */
  add(fleet: FleetDay): void {
    const day = fleet.day - this.firstDay;
    if (day < 0 || day >= historyDays || fleet.day <= (this.days.at(-1) ?? -1)) return;
    this.days.push(fleet.day);
    for (const [name, count] of Object.entries(fleet.left))
      this.left[name] = Math.max(count, this.left[name] ?? 0);
    const codeOf = this.attributes.map((name, a) => {
      const from = fleet.attributes.indexOf(name);
      return (fleet.values[from] ?? []).map((value) => this.values[a]!.of(value));
    });
    const columnOf = this.attributes.map((name) => fleet.columns[fleet.attributes.indexOf(name)] ?? []);
    const customerOf = fleet.customers.map((name) => this.customers.of(name));
    const silent = new Set(fleet.standing[silentCondition]);
    const counted = new Map<number, GatewayPast>();
    const pasts = fleet.gatewayIds.map((gatewayId, row) => {
      const carried = columnOf.map((column, a) => codeOf[a]![column[row] ?? 0] ?? 0);
      const past = this.#pastOf(gatewayId, customerOf[fleet.customerOf[row]!]!);
      const isChanged = this.#take(past, carried, day);
      if (silent.has(row)) return undefined;
      past.present |= 1 << day;
      // What began on the day of a change may have begun before it.
      if (!isChanged) counted.set(row, past);
      return past;
    });
    for (const past of counted.values()) this.cells[past.cell]!.days += 1;
    for (const kind of ['onsets', 'standing'] as const)
      for (const [conditionId, rows] of Object.entries(fleet[kind])) {
        const condition = this.conditions.of(conditionId);
        for (const row of rows) {
          pasts[row]?.[kind].push(condition * 32 + day);
          const cell = this.cells[counted.get(row)?.cell ?? -1];
          if (!cell) continue;
          const counts = (cell[kind] ??= new Map<number, number>());
          counts.set(condition, (counts.get(condition) ?? 0) + 1);
        }
      }
  }

  #pastOf(gatewayId: string, customer: number): GatewayPast {
    let past = this.gateways.get(gatewayId);
    if (!past) {
      past = {
        ...{ customer, codes: this.attributes.map(() => 0), cell: -1, present: 0 },
        ...{ onsets: [], standing: [], changes: [] },
      };
      this.gateways.set(gatewayId, past);
    }
    return past;
  }

  /** What is not known now is as it was. Answers whether it changed: what is learned is no change. */
  #take(past: GatewayPast, carried: readonly number[], day: number): boolean {
    const period = Math.floor(day / periodDays);
    let [isChanged, isOther] = [false, this.cells[past.cell]?.period !== period];
    carried.forEach((to, attribute) => {
      const from = past.codes[attribute]!;
      if (to === 0 || to === from) return;
      isOther = true;
      past.codes[attribute] = to;
      if (from === 0) return;
      isChanged = true;
      past.changes.push({ attribute, day, from, to });
    });
    if (isOther) past.cell = this.#cell(past, period);
    return isChanged;
  }

  #cell({ customer, codes }: GatewayPast, period: number): number {
    const key = `${period} ${customer} ${codes.join(' ')}`;
    let cell = this.#cellOf.get(key);
    if (cell === undefined) {
      cell = this.cells.push({ customer, period, codes: [...codes], days: 0 });
      this.#cellOf.set(key, --cell);
    }
    return cell;
  }
}
