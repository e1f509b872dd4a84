import { TimeQueue, type Due } from '../../support/time-queue.ts';

/** Virtual time: what is due runs in order of time, and time jumps from one event to the next. */
export class VirtualClock {
  /** Unix ms. */
  now: number;
  /** Events that ran, for the report. */
  count = 0;
  readonly #events = new TimeQueue<Event>();
  #order = 0;
  /** Work that real threads do (signatures): time stands still until it is done. */
  #held = 0;
  #released: (() => void) | undefined;

  constructor(startAt: number) {
    this.now = startAt;
  }

  /** Runs `run` after `delayMs`; returns what cancels it. */
  set = (run: () => void, delayMs: number): (() => void) => {
    const due: Event = { at: this.now + Math.max(0, delayMs), order: this.#order++, run };
    this.#events.push(due);
    return () => void (due.run = undefined);
  };

  wait = (delayMs: number): Promise<void> => new Promise((resolve) => this.set(resolve, delayMs));

  /** Time stands still while this runs on a real thread. */
  hold<T>(work: Promise<T>): Promise<T> {
    this.#held++;
    const release = () => {
      this.#held--;
      if (this.#held === 0) this.#released?.();
    };
    work.then(release, release);
    return work;
  }

  async runUntil(at: number): Promise<void> {
    for (let due = this.#events.first; due && due.at <= at; due = this.#events.first) {
      this.#events.pop();
      if (!due.run) continue;
      this.now = due.at;
      this.count++;
      due.run();
      await this.#settle();
    }
    this.now = at;
  }

  /** Promises that follow from the event settle before the next turn of the event loop. */
  async #settle(): Promise<void> {
    do {
      if (this.#held > 0) await new Promise<void>((resolve) => (this.#released = resolve));
      await new Promise((resolve) => setImmediate(resolve));
    } while (this.#held > 0);
  }
}

interface Event extends Due {
  /** Undefined: canceled. */
  run: (() => void) | undefined;
}
