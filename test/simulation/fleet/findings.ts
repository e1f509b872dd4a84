import type { Cause, FoundPattern } from './detector.ts';

/** A pattern from when it was first named until it no longer was. */
export interface Finding {
  readonly condition: string;
  readonly cause: Cause;
  readonly alternatives: readonly Cause[];
  readonly firstWindow: number;
  lastWindow: number;
  /** Stood first among the patterns of its condition when it was first named. */
  readonly isStrongest: boolean;
}

/** Named again within so long, it is the same finding. */
export const sameWithinMinutes = 60;

/** A cause as one text, whatever order its values are in. */
export const causeKey = (cause: Cause): string =>
  JSON.stringify(cause.map(({ attribute, value }) => [attribute, value]).sort());

export class Findings {
  readonly all: Finding[] = [];
  readonly #open = new Map<string, Finding>();
  readonly #sameWithin: number;

  constructor(windowMinutes: number) {
    this.#sameWithin = Math.ceil(sameWithinMinutes / windowMinutes);
  }

  add(window: number, patterns: readonly FoundPattern[]): void {
    const named = new Set<string>();
    for (const { condition, cause, alternatives } of patterns) {
      const key = `${condition} ${causeKey(cause)}`;
      const open = this.#open.get(key);
      if (open && window - open.lastWindow <= this.#sameWithin) open.lastWindow = window;
      else {
        const times = { firstWindow: window, lastWindow: window };
        const finding = { condition, cause, alternatives, ...times, isStrongest: !named.has(condition) };
        this.#open.set(key, finding);
        this.all.push(finding);
      }
      named.add(condition);
    }
  }
}
