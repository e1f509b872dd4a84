import { asHoldfastError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import {
  refusalOf,
  rollupKinds,
  rollupSchema,
  rollupsPerFrameMax,
  type Rollup,
} from '../../core/rollups/rollup.ts';
import { closed, measured, withoutDone, type Past } from './tally.ts';

export interface RollupKeeperDeps {
  /** Of the agents before. */
  past: Past;
  /** On stable storage once it resolves. */
  keep: (past: Past) => Promise<void>;
  /** Values of the history's signals now. */
  observe: () => Promise<Record<string, number>>;
  /** @default a minute */
  everyMs?: number;
  /** Whether pings show that the connection is whole. */
  isPingAnswered: () => boolean;
  /** The gateway's clock, by which buckets are. */
  unixMs: () => number;
  /** Monotonic, ms. */
  now: () => number;
  setTimer: (run: () => void, delayMs: number) => () => void;
  log: Log;
}

/** What statuses take along. */
export interface RollupSource {
  /**
   * For the status `carrier`: the newest first, as far as they have room. `withOpen`: also that of now, as far as it got.
   */
  due(carrier: string, options: { roomBytes: number; withOpen: boolean }): Rollup[];
  /** The status is stored, and what it carried. */
  acked(carrier: string): void;
  /** What was sent lately may not have arrived. */
  lost(): void;
}

const defaultEveryMs = 60_000;
/** A connection that stands so long after it took a rollup has delivered it: pings would have shown that it is broken. */
const arrivedAfterMs = 3 * 60_000;

/**
 * Measures the history's signals each minute and keeps what the cloud does not have yet, over restarts too: it is written
 * down whenever a bucket is over, so that a crash costs minutes. What fails here is logged, and never keeps the agent from
 * its work.
 */
export class RollupKeeper implements RollupSource {
  readonly #deps: RollupKeeperDeps;
  readonly #inFlight = new Map<Rollup, { carrier: string; at: number }>();
  #past: Past;
  /** Number of the bucket in which it was written down. */
  #writtenIn = 0;
  #isChanged = false;
  #cancelTimer: (() => void) | undefined;
  #working: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(deps: RollupKeeperDeps) {
    this.#deps = deps;
    this.#past = deps.past;
  }

  /** Measures at once, and from then on. */
  start(): this {
    this.#measure();
    return this;
  }

  due(carrier: string, { roomBytes, withOpen }: { roomBytes: number; withOpen: boolean }): Rollup[] {
    this.#settle();
    const unixMs = this.#deps.unixMs();
    // What the cloud would not take by this clock waits: it may be the clock that is wrong.
    const isDue = (each: Rollup) => !this.#inFlight.has(each) && refusalOf(each, unixMs) === undefined;
    const waiting = this.#past.done.filter(isDue).reverse();
    const open = withOpen ? this.#openHalfHours() : [];
    const fitting: Rollup[] = [];
    let leftBytes = roomBytes;
    for (const rollup of [...open, ...waiting]) {
      if (fitting.length === rollupsPerFrameMax) break;
      const bytes = JSON.stringify(rollup).length + 1;
      // One that is too large for what is left waits, and keeps no other one waiting.
      if (bytes > leftBytes) continue;
      leftBytes -= bytes;
      fitting.push(rollup);
    }
    const at = this.#deps.now();
    for (const rollup of fitting) if (waiting.includes(rollup)) this.#inFlight.set(rollup, { carrier, at });
    return fitting;
  }

  #openHalfHours(): Rollup[] {
    const open = this.#past.open.filter(({ kind }) => kind === 'half-hour');
    return open.map(closed).filter((each) => this.#isValid(each));
  }

  acked(carrier: string): void {
    this.#stored([...this.#inFlight].filter(([, of]) => of.carrier === carrier).map(([rollup]) => rollup));
  }

  lost(): void {
    this.#settle();
    this.#inFlight.clear();
  }

  /** What is not sent stays for the next agent. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelTimer?.();
    await this.#working;
    await this.#write();
  }

  /** Where no ping is answered each status wants its answer, and that alone counts. */
  #settle(): void {
    const { now, isPingAnswered } = this.#deps;
    if (!isPingAnswered()) return;
    const old = [...this.#inFlight].filter(([, { at }]) => now() - at >= arrivedAfterMs);
    this.#stored(old.map(([rollup]) => rollup));
  }

  #stored(rollups: readonly Rollup[]): void {
    if (rollups.length === 0) return;
    for (const rollup of rollups) this.#inFlight.delete(rollup);
    this.#past = withoutDone(this.#past, rollups);
    this.#isChanged = true;
  }

  #measure(): void {
    const { log, setTimer, everyMs = defaultEveryMs } = this.#deps;
    this.#working = this.#once()
      .catch((cause: unknown) => log('warn', 'rollups.not-measured', { error: String(cause) }))
      .then(() => {
        if (!this.#isStopped) this.#cancelTimer = setTimer(() => this.#measure(), everyMs);
      });
  }

  async #once(): Promise<void> {
    const values = await this.#deps.observe();
    const at = this.#deps.unixMs();
    this.#past = this.#withValid(measured(this.#past, values, at));
    // A clock that was set back makes one of two accounts of a span: what is on its way is not what waits.
    for (const sent of [...this.#inFlight.keys()])
      if (!this.#past.done.includes(sent)) this.#inFlight.delete(sent);
    this.#settle();
    const bucket = Math.floor(at / rollupKinds['half-hour'].bucketMs);
    if (bucket === this.#writtenIn && !this.#isChanged) return;
    this.#writtenIn = bucket;
    await this.#write();
  }

  /** With one that is not valid in the file, the next agent would take the whole file for damaged. */
  #withValid(next: Past): Past {
    const known = new Set(this.#past.done);
    return { ...next, done: next.done.filter((each) => known.has(each) || this.#isValid(each)) };
  }

  #isValid(rollup: Rollup): boolean {
    const { error } = rollupSchema.safeParse(rollup);
    const { kind, startsAt } = rollup;
    if (error)
      this.#deps.log('warn', 'rollups.not-valid', { kind, startsAt, error: error.issues[0]?.message });
    return !error;
  }

  async #write(): Promise<void> {
    this.#isChanged = false;
    await this.#deps.keep(this.#past).catch((thrown: unknown) => {
      this.#isChanged = true;
      this.#deps.log('warn', 'rollups.not-kept', { error: asHoldfastError(thrown).message });
    });
  }
}

/** Of a gateway that keeps no past. */
export const noRollups: RollupSource = { due: () => [], acked: () => undefined, lost: () => undefined };
