/** Virtual time: what is due runs in order of time, and time jumps from one event to the next. */
export class VirtualClock {
  /** Unix ms. */
  now: number;
  /** Events that ran, for the report. */
  count = 0;
  readonly #heap: Due[] = [];
  #order = 0;
  /** Work that real threads do (signatures): time stands still until it is done. */
  #held = 0;
  #released: (() => void) | undefined;

  constructor(startAt: number) {
    this.now = startAt;
  }

  /** Runs `run` after `delayMs`; returns what cancels it. */
  set = (run: () => void, delayMs: number): (() => void) => {
    const due: Due = { at: this.now + Math.max(0, delayMs), order: this.#order++, run };
    push(this.#heap, due);
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
    for (let due = this.#heap[0]; due && due.at <= at; due = this.#heap[0]) {
      pop(this.#heap);
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

interface Due {
  at: number;
  /** Of two events of one moment the one that was asked for first. */
  order: number;
  /** Undefined: canceled. */
  run: (() => void) | undefined;
}

const isBefore = (a: Due, b: Due): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** A binary heap: the earliest stands first. */
function push(heap: Due[], due: Due): void {
  let i = heap.push(due) - 1;
  while (i > 0) {
    const parent = (i - 1) >> 1;
    if (!isBefore(due, heap[parent]!)) break;
    heap[i] = heap[parent]!;
    i = parent;
  }
  heap[i] = due;
}

function pop(heap: Due[]): void {
  const last = heap.pop()!;
  if (heap.length === 0) return;
  let i = 0;
  for (;;) {
    let child = 2 * i + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
    if (!isBefore(heap[child]!, last)) break;
    heap[i] = heap[child]!;
    i = child;
  }
  heap[i] = last;
}
