import { seeded } from '../../support/random.ts';

/** One run of a function or of a client: when it crashes, nothing that it waits for ever comes back to it. */
export interface Actor {
  name: string;
  crashed: boolean;
}

interface Step {
  actor: Actor | undefined;
  label: string;
  run: () => void;
}

/** Decides by a seed which of the things that could happen next happens. Virtual time, one step at a time. */
export class Scheduler {
  readonly trace: string[] = [];
  readonly random: () => number;
  nowMs = 1_800_000_000_000;
  crashChance = 0;
  #steps: Step[] = [];

  constructor(seed: number) {
    this.random = seeded(seed);
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  pick<T>(of: readonly T[]): T {
    return of[Math.floor(this.random() * of.length)]!;
  }

  get isIdle(): boolean {
    return this.#steps.length === 0;
  }

  /** Something that happens some time later, if `actor` still lives then. */
  later(label: string, run: () => void, actor?: Actor): void {
    this.#steps.push({ actor, label, run });
  }

  /** Waits until the schedule lets the actor make this call; the actor may crash before or after it. */
  call<T>(actor: Actor, label: string, work: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const run = () => {
        const crash = this.chance(this.crashChance);
        if (crash && this.chance(0.5)) return this.#crash(actor, 'before', label);
        // Not awaited: a call of another function goes on over many steps.
        const settle = (settled: () => void) => (crash ? this.#crash(actor, 'after', label) : settled());
        work().then(
          (value) => settle(() => resolve(value)),
          (error: Error) => settle(() => reject(error)),
        );
      };
      this.later(`${actor.name} ${label}`, run, actor);
    });
  }

  #crash(actor: Actor, when: string, label: string): void {
    this.trace.push(`  crash of ${actor.name} ${when} ${label}`);
    actor.crashed = true;
  }

  /** Takes one of the waiting steps, mostly any, and lets everything run that follows from it. */
  async step(): Promise<void> {
    const index = Math.floor(this.random() * this.#steps.length);
    const [step] = this.#steps.splice(index, 1);
    if (!step || step.actor?.crashed) return;
    this.trace.push(`${step.label}`);
    step.run();
    // Promises that follow settle before the next turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
  }

  async drain(): Promise<void> {
    for (let steps = 0; !this.isIdle; steps++) {
      if (steps > 100_000) throw new Error('the messages never end');
      await this.step();
    }
  }
}

/** Every method of `target` becomes a call of the actor that the schedule has to let through. */
export function scheduled<T extends object>(scheduler: Scheduler, actor: Actor, name: string, target: T): T {
  return new Proxy(target, {
    get: (of, property) => {
      const method = Reflect.get(of, property) as (...args: unknown[]) => Promise<unknown>;
      return (...args: unknown[]) =>
        scheduler.call(actor, `${name}.${String(property)}`, () => method.apply(of, args));
    },
  });
}
