import { FleetBuilder, windowIndexes, windowsMs, type Fleet } from '../../../core/patterns/fleet.ts';
import {
  findPatterns,
  type Pattern,
  type Significant,
  type ValueName,
} from '../../../core/patterns/find-patterns.ts';
import { noHistory, remember } from '../../../core/patterns/history.ts';
import type { Cause, Detector, FoundPattern, Scan, SeenGateway, Setting } from './detector.ts';

const dayMs = 24 * 3_600_000;

/** Holdfast's detector behind the simulator's door: gives it each scan as a tick, and what began within a day. */
export class FindsPatterns implements Detector {
  readonly #windowMs: number;
  readonly #conditions: readonly string[];
  /** Gateway → condition → when it began last. */
  readonly #began = new Map<string, Map<number, number>>();
  /** In the order of the attributes. */
  readonly #values = new WeakMap<SeenGateway['attributes'], readonly (string | undefined)[]>();
  readonly #history = noHistory();
  #previous: Significant | undefined;

  constructor({ windowMinutes, conditions }: Setting) {
    this.#windowMs = windowMinutes * 60_000;
    this.#conditions = conditions;
  }

  observe(scan: Scan): FoundPattern[] {
    const fleet = this.#fleetOf(scan);
    const { endMs: nowMs } = scan;
    const { patterns, significant } = findPatterns({
      fleet,
      history: this.#history,
      previous: this.#previous,
      nowMs,
      tickMs: this.#windowMs,
    });
    this.#previous = significant;
    for (const window of windowIndexes)
      if (Math.floor(nowMs / windowsMs[window]) > Math.floor((nowMs - this.#windowMs) / windowsMs[window]))
        remember(this.#history, fleet, window, patterns);
    return patterns.map(foundOf);
  }

  #fleetOf({ gateways, endMs }: Scan): Fleet {
    let builder: FleetBuilder | undefined;
    let names: string[] = [];
    for (const { gatewayId, customerId, attributes, onsets, isFresh } of gateways) {
      if (!builder) {
        names = Object.keys(attributes);
        builder = new FleetBuilder(names, this.#conditions);
      }
      for (const condition of onsets) this.#note(gatewayId, this.#conditions.indexOf(condition), endMs);
      if (!isFresh) continue;
      let values = this.#values.get(attributes);
      if (!values) this.#values.set(attributes, (values = names.map((name) => attributes[name])));
      const row = builder.add(customerId, values);
      const began = this.#began.get(gatewayId);
      // In the middle of the window in which it was seen to begin.
      for (const [condition, at] of began ?? [])
        builder.onset(row, condition, endMs - at + this.#windowMs / 2);
    }
    for (const [gatewayId, began] of this.#began) {
      for (const [condition, at] of began) if (endMs - at >= dayMs) began.delete(condition);
      if (began.size === 0) this.#began.delete(gatewayId);
    }
    return (builder ?? new FleetBuilder([], this.#conditions)).build();
  }

  #note(gatewayId: string, condition: number, at: number): void {
    const began = this.#began.get(gatewayId) ?? new Map<number, number>();
    this.#began.set(gatewayId, began.set(condition, at));
  }
}

const nameOf = ({ attribute, value }: ValueName): ValueName => ({ attribute, value });

function foundOf({ conditionId, within, indistinguishable, ...pattern }: Pattern): FoundPattern {
  const firsts = [pattern, ...indistinguishable].map(nameOf);
  const seconds = within ? [within, ...within.indistinguishable].map(nameOf) : [];
  const pairs = firsts.flatMap((first, i) => seconds.map((second, j) => ({ rank: i + j, first, second })));
  const causes: Cause[] = within
    ? pairs.toSorted((a, b) => a.rank - b.rank).map(({ first, second }) => [first, second])
    : firsts.map((first) => [first]);
  return { condition: conditionId, cause: causes[0]!, alternatives: causes.slice(1) };
}
