import type { Fleet } from './fleet.ts';
import type { Scan, SeenGateway } from './detector.ts';
import { conditionNamesOf } from './scenario-checks.ts';
import type { Scenario } from './scenario.ts';

type Sight = { -readonly [key in keyof SeenGateway]: SeenGateway[key] };

const nothing: readonly string[] = [];
export const startMs = Date.UTC(2027, 0, 4);

/**
 * What the scans show: which condition of which gateway began, and whom nothing is heard of. A condition that holds
 * cannot begin; a silent gateway shows nothing.
 */
export class Sights {
  readonly conditions: readonly string[];
  /** Cause → onsets that a scan showed. */
  readonly shown = new Map<string, number>();
  /** What happened to gateways that were silent, and so was never seen. */
  hidden = 0;
  window = -1;
  readonly #windowMs: number;
  readonly #gateways: Sight[];
  readonly #clears: number[];
  readonly #silences: boolean[];
  /** Per condition: the first window in which it no longer holds. */
  readonly #holdsUntil: Int32Array[];
  readonly #silentUntil: Int32Array;
  readonly #turns = new Map<number, number[]>();
  #struck: Sight[] = [];

  constructor(scenario: Scenario, fleet: Fleet, isStale: (gateway: number) => boolean) {
    this.#windowMs = scenario.windowMinutes * 60_000;
    this.conditions = conditionNamesOf(scenario);
    const day = Math.ceil(1_440 / scenario.windowMinutes);
    // What the disks and the memory show lasts until somebody replaces them.
    this.#clears = this.conditions.map(
      (name) => scenario.conditions.find((one) => one.name === name)?.clearsAfterWindows ?? day,
    );
    this.#silences = this.conditions.map(
      (name) => scenario.conditions.find((one) => one.name === name)?.isSilent ?? false,
    );
    this.#holdsUntil = this.conditions.map(() => new Int32Array(fleet.gatewayCount));
    this.#silentUntil = new Int32Array(fleet.gatewayCount);
    this.#gateways = Array.from({ length: fleet.gatewayCount }, (_, i) => sightOf(fleet, i));
    for (const [i, gateway] of this.#gateways.entries())
      if (isStale(i)) {
        gateway.isFresh = false;
        this.#silentUntil[i] = 2 ** 31 - 1;
      }
  }

  next(): void {
    this.window++;
    for (const gateway of this.#struck) gateway.onsets = nothing;
    this.#struck = [];
    for (const i of this.#turns.get(this.window) ?? [])
      this.#gateways[i]!.isFresh = this.#silentUntil[i]! <= this.window;
    this.#turns.delete(this.window);
  }

  /** `cause` made `condition` (an index) begin. Returns whether a scan shows it. */
  onset(i: number, condition: number, cause: string, windows = this.#clears[condition]!): boolean {
    const holdsUntil = this.#holdsUntil[condition]!;
    if (holdsUntil[i]! > this.window) return false;
    const gateway = this.#gateways[i]!;
    if (!gateway.isFresh) {
      this.hidden++;
      return false;
    }
    holdsUntil[i] = this.window + windows;
    if (gateway.onsets === nothing) this.#struck.push(gateway);
    gateway.onsets = [...gateway.onsets, this.conditions[condition]!];
    this.shown.set(cause, (this.shown.get(cause) ?? 0) + 1);
    // It was heard of in this window; from the next one on it is not.
    if (this.#silences[condition]) this.#silence(i, this.window + windows);
    return true;
  }

  #silence(i: number, until: number): void {
    this.#silentUntil[i] = Math.max(this.#silentUntil[i]!, until);
    for (const turn of [this.window + 1, until]) {
      const turning = this.#turns.get(turn);
      if (turning) turning.push(i);
      else this.#turns.set(turn, [i]);
    }
  }

  scan(): Scan {
    const windowStartMs = startMs + this.window * this.#windowMs;
    return {
      window: this.window,
      startMs: windowStartMs,
      endMs: windowStartMs + this.#windowMs,
      gateways: this.#gateways,
    };
  }
}

function sightOf(fleet: Fleet, i: number): Sight {
  const carried = fleet.columns.flatMap(({ name, values, of }) => {
    const value = values[of[i]!];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    gatewayId: `gw-${i}`,
    customerId: `customer-${fleet.customerOf[i]}`,
    attributes: Object.fromEntries([...carried, ['site', `site-${fleet.siteOf[i]}`]]),
    onsets: nothing,
    isFresh: true,
  };
}
