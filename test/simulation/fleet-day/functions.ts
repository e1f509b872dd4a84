import { runInvocation, type Invocation } from '../../../lambda/aws/invocation.ts';
import type { Part } from './usage-meter.ts';
import { logEventBytes, type Meter } from './usage-meter.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** How Lambda runs the functions here. Durations are assumptions: docs/cost.md names them. */
export const functionTimes = {
  /** Own work of a run beside what it waits for. */
  ownMs: 2,
  /** A process that nothing needs is kept so long. */
  keptMs: 7 * 60_000,
} as const;

/** One function with its processes: at most `concurrencyMax` run at once, the rest is refused. */
export class SimulatedFunction {
  readonly name: string;
  throttled = 0;
  runs = 0;
  /** When each process that waits was last used, oldest first. */
  #idle: number[] = [];
  #running = 0;
  readonly #clock: VirtualClock;
  readonly #meter: Meter;
  readonly #memoryGb: number;
  readonly #concurrencyMax: number;
  readonly #coldStartMs: number;

  constructor(
    name: string,
    world: { clock: VirtualClock; meter: Meter },
    limits: { memoryMiB: number; concurrencyMax: number; coldStartMs: number },
  ) {
    this.name = name;
    this.#clock = world.clock;
    this.#meter = world.meter;
    this.#memoryGb = limits.memoryMiB / 1_024;
    this.#concurrencyMax = limits.concurrencyMax;
    this.#coldStartMs = limits.coldStartMs;
  }

  /** Undefined: throttled, nothing ran. */
  async run<T>(
    part: Part,
    event: string,
    work: (invocation: Invocation) => Promise<T>,
  ): Promise<{ result: T } | undefined> {
    if (this.#running >= this.#concurrencyMax) {
      this.throttled++;
      return undefined;
    }
    this.#running++;
    this.runs++;
    const startedAt = this.#clock.now;
    try {
      if (!this.#takeIdle()) await this.#clock.wait(this.#coldStartMs);
      await this.#clock.wait(functionTimes.ownMs);
      const result = await runInvocation(event, this.#context(), work, this.#console(part));
      return { result };
    } finally {
      this.#running--;
      this.#idle.push(this.#clock.now);
      this.#meter.add(part, 'invocations', 1);
      this.#meter.add(part, 'gbSeconds', (Math.ceil(this.#clock.now - startedAt) / 1_000) * this.#memoryGb);
    }
  }

  #takeIdle(): boolean {
    const newest = this.#idle.pop();
    if (newest === undefined) return false;
    if (newest + functionTimes.keptMs > this.#clock.now) return true;
    this.#idle = [];
    return false;
  }

  #context() {
    return {
      awsRequestId: '00000000-0000-4000-8000-000000000000',
      functionName: `holdfast-cell-1-${this.name}Function00000000-000000000000`,
      getRemainingTimeInMillis: () => 10_000,
    };
  }

  #console(part: Part) {
    return {
      now: () => this.#clock.now,
      writeLine: (line: string) =>
        this.#meter.add(part, 'logBytes', Buffer.byteLength(line) + 1 + logEventBytes),
    };
  }
}
