import type { Cause, Detector, FoundPattern, Scan, SeenGateway, Setting } from './detector.ts';

const falsePatternsPerDay = 0.01;
const failingMin = 5;
const reportedMax = 5;

interface Candidate {
  key: number;
  logP: number;
}

/**
 * The textbook way, to compare with: for each value and condition, is the number of failing gateways that carry the
 * value more than the rate of all others explains? Poisson tail, corrected for the number of tests. It takes each
 * gateway for a witness of its own, which gateways of one customer are not.
 */
export class CountsGateways implements Detector {
  readonly #windowsPerDay: number;
  readonly #conditions: readonly string[];
  readonly #values: Cause[] = [];
  readonly #keys = new Map<string, number>();
  /** Keys of what a gateway carries, by its attributes. */
  readonly #carried = new WeakMap<object, Int32Array>();

  constructor({ windowMinutes, conditions }: Setting) {
    this.#windowsPerDay = 1_440 / windowMinutes;
    this.#conditions = conditions;
  }

  observe({ gateways }: Scan): FoundPattern[] {
    const population: number[] = new Array<number>(this.#values.length).fill(0);
    const failing = new Map<string, Int32Array[]>();
    let fresh = 0;
    for (const gateway of gateways) {
      if (!gateway.isFresh) continue;
      fresh++;
      const keys = this.#keysOf(gateway);
      for (const key of keys) population[key] = (population[key] ?? 0) + 1;
      for (const condition of gateway.onsets) {
        const list = failing.get(condition);
        if (list) list.push(keys);
        else failing.set(condition, [keys]);
      }
    }
    const tests = Math.max(1, this.#values.length * this.#conditions.length * this.#windowsPerDay);
    const logLimit = Math.log(falsePatternsPerDay / tests);
    return [...failing].flatMap(([condition, hit]) =>
      this.#strongest(hit, population, fresh, logLimit).map((key) => ({
        condition,
        cause: this.#values[key]!,
        alternatives: [],
      })),
    );
  }

  /** The strongest value, then the strongest of what it leaves, and so on. */
  #strongest(hit: Int32Array[], population: number[], fresh: number, logLimit: number): number[] {
    const found: number[] = [];
    let left = hit;
    while (found.length < reportedMax && left.length >= failingMin) {
      const best = strongest(left, population, fresh, logLimit);
      if (best === undefined) break;
      found.push(best);
      left = left.filter((keys) => !keys.includes(best));
    }
    return found;
  }

  #keysOf({ attributes }: SeenGateway): Int32Array {
    const known = this.#carried.get(attributes);
    if (known) return known;
    // A single site's gateways fail together without anything being wrong with a value; even a textbook says so.
    const carried = Object.entries(attributes).filter(([attribute]) => attribute !== 'site');
    const keys = Int32Array.from(carried, ([attribute, value]) => this.#keyOf(attribute, value));
    this.#carried.set(attributes, keys);
    return keys;
  }

  #keyOf(attribute: string, value: string): number {
    const text = JSON.stringify([attribute, value]);
    const known = this.#keys.get(text);
    if (known !== undefined) return known;
    this.#keys.set(text, this.#values.length);
    return this.#values.push([{ attribute, value }]) - 1;
  }
}

function strongest(
  hit: Int32Array[],
  population: number[],
  fresh: number,
  logLimit: number,
): number | undefined {
  const counts = new Map<number, number>();
  for (const keys of hit) for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  let best: Candidate | undefined;
  for (const [key, count] of counts) {
    const carriers = population[key] ?? 0;
    const others = fresh - carriers;
    if (count < failingMin || others <= 0) continue;
    const rate = Math.max(1, hit.length - count) / others;
    const logP = logPoissonTail(carriers * rate, count);
    if (logP < logLimit && (!best || logP < best.logP)) best = { key, logP };
  }
  return best?.key;
}

/** ln P(X ≥ count), X ~ Poisson(mean). */
export function logPoissonTail(mean: number, count: number): number {
  if (count <= mean) return 0;
  let logTerm = -mean + count * Math.log(mean) - logFactorial(count);
  const first = logTerm;
  let sum = 1;
  for (let k = count + 1; k < count + 10_000; k++) {
    logTerm += Math.log(mean / k);
    const term = Math.exp(logTerm - first);
    sum += term;
    if (term < sum * 1e-12) break;
  }
  return first + Math.log(sum);
}

const logFactorials = [0];
function logFactorial(n: number): number {
  for (let k = logFactorials.length; k <= n; k++) logFactorials.push(logFactorials[k - 1]! + Math.log(k));
  return logFactorials[n]!;
}
