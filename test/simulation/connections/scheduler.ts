import { seeded } from '../../support/random.ts';
import { TimeQueue, type Due } from '../../support/time-queue.ts';

interface Step extends Due {
  label: string;
  run: () => void;
  isOff: boolean;
}

/**
 * Virtual time: what happens next is what is due first. All chance comes from one seed, so that a schedule can be run
 * again. Steps of one moment keep their order.
 */
export class Scheduler {
  nowMs = Date.UTC(2027, 0, 4);
  readonly random: () => number;
  /** What happened, in words; kept only where somebody will read it. */
  readonly trace: string[] = [];
  readonly #keepsTrace: boolean;
  readonly #startedAt = this.nowMs;
  readonly #steps = new TimeQueue<Step>();
  #orders = 0;

  constructor(seed: number, keepsTrace = false) {
    this.random = seeded(seed);
    this.#keepsTrace = keepsTrace;
  }

  chance(probability: number): boolean {
    return probability > 0 && this.random() < probability;
  }
  pick<T>(of: readonly T[]): T {
    return of[Math.floor(this.random() * of.length)]!;
  }
  between(from: number, to: number): number {
    return from + this.random() * (to - from);
  }
  /** Exponentially distributed: mostly short, now and then long. */
  spread(mean: number): number {
    return -Math.log(1 - this.random()) * mean;
  }

  note(line: string): void {
    if (this.#keepsTrace) this.trace.push(`${((this.nowMs - this.#startedAt) / 1000).toFixed(3)} ${line}`);
  }

  /** Returns what cancels it. */
  after(delayMs: number, label: string, run: () => void): () => void {
    const step = { at: this.nowMs + Math.max(0, delayMs), order: this.#orders++, label, run, isOff: false };
    this.#steps.push(step);
    return () => void (step.isOff = true);
  }

  /** Runs everything that is due until `isOver`, which is asked after each step, or until the time has come. */
  async run(until: number, isOver: () => boolean = () => false): Promise<void> {
    for (let step = this.#steps.first; step && step.at <= until; step = this.#steps.first) {
      this.#steps.pop();
      if (step.isOff) continue;
      this.nowMs = Math.max(this.nowMs, step.at);
      if (step.label) this.note(step.label);
      step.run();
      // Promises that follow settle before the next turn of the event loop.
      await new Promise((resolve) => setImmediate(resolve));
      if (isOver()) return;
    }
    this.nowMs = Math.max(this.nowMs, until);
  }
}
