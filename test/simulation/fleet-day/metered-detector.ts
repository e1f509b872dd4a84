import { deflateRawSync } from 'node:zlib';
import type { DetectorState } from '../../../core/patterns/detect.ts';
import { noHistory, type PatternHistory } from '../../../core/patterns/history.ts';
import type { PatternDeps } from '../../../lambda/alerts/ports.ts';
import type { TableMeter } from './metered-stores.ts';
import { itemBytes, readUnitsOf, writeUnitsOf } from './usage-meter.ts';

/** Sizes in the Patterns table, as DynamoDB counts them, on average. */
export interface PatternBytes {
  detector: number;
  /** All parts of one, compressed. */
  history: number;
  breakdown: number;
}

/** What the detector remembers, metered as its table is: a read and a write a tick, the history and breakdowns beside it. */
export class MeteredDetector {
  readonly #table: TableMeter;
  readonly #sums = { detector: [0, 0], history: [0, 0], breakdown: [0, 0] } satisfies Record<
    keyof PatternBytes,
    number[]
  >;
  #state: DetectorState | undefined;
  #history: PatternHistory = noHistory();

  constructor(table: TableMeter) {
    this.#table = table;
  }

  deps(tickMs: number): PatternDeps {
    return {
      tickMs,
      inventory: { factsOf: () => undefined, load: () => Promise.resolve() },
      detector: {
        load: () => {
          this.#table.units('readUnits', readUnitsOf(itemBytes(this.#state)));
          return Promise.resolve({ state: this.#state, history: this.#history });
        },
        save: (next, history) => {
          this.#state = next;
          if (history) this.#wrote('history', deflateRawSync(JSON.stringify(history)).length);
          this.#wrote('detector', itemBytes(next));
          return Promise.resolve(true);
        },
        putBreakdown: (breakdown) => Promise.resolve(this.#wrote('breakdown', itemBytes(breakdown))),
      },
    };
  }

  bytes(): PatternBytes {
    const mean = ([sum, count]: number[]): number => (count ? sum! / count : 0);
    const { detector, history, breakdown } = this.#sums;
    return { detector: mean(detector), history: mean(history), breakdown: mean(breakdown) };
  }

  #wrote(what: keyof PatternBytes, bytes: number): void {
    this.#sums[what][0]! += bytes;
    this.#sums[what][1]! += 1;
    this.#table.units('writeUnits', writeUnitsOf(bytes));
  }
}
